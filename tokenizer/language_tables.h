/* language_tables.h - the languages of families whose older checkpoints do not list them. The order
 * is that of the ids. */
#ifndef DRAGOMAN_TOKENIZER_LANGUAGE_TABLES_H
#define DRAGOMAN_TOKENIZER_LANGUAGE_TABLES_H

/* NLLB-200. */
extern const char *const languages_nllb200[202];

/* M2M100. */
extern const char *const languages_m2m100[100];

/* mBART-50; mBART-25 has the first 25. */
#define LANGUAGES_MBART25 25
extern const char *const languages_mbart50[52];

/* M2M100 checkpoints that say "language_codes": "wmt21". */
extern const char *const languages_wmt21[8];

#endif
