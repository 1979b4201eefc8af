#include "translate/abbreviations.h"

#include "base/utf8.h"

#include <string.h>
#include <unicode/uchar.h>

/* What stands before the stop; a word alone ("etc.", "usw.") is not listed, since it may well end a
 * sentence. */
static const struct {
    const char *language;
    const char *words; /* with spaces around each */
} lists[] = {
    {"en",
     " Dr Mr Mrs Ms Prof Rev Hon Gen Col Capt Lt Sgt Maj Adm Gov Sen Rep Pres St Mt Ft Fr Sr Jr vs "
     "No Nos Vol Fig Figs Eq Art Sec Ch pp approx cf e.g i.e "},
    {"de", " Dr Prof Hr Hrn Fr Frl Dipl Ing St Str Nr Bd Abb Tab Art Abs Kap Aufl Jh Mio Mrd bzw "
           "ca vgl evtl "
           "ggf inkl exkl sog geb gest verh z.B d.h u.a s.o s.u i.d.R "},
    {"fr", " Dr Mgr Me Prof St Ste av bd no vol fig art chap env p.ex c.-à-d "},
    {"es", " Sr Sra Srta Dr Dra D Dña Prof Ud Uds Av Avda núm pág art vol fig p.ej "},
    {"it", " Sig Sigg Dott Prof Avv Ing Arch On Geom n art vol fig pag p.es "},
    {"pt", " Sr Sra Srta Dr Dra Prof Profa Eng Av Exmo n art vol fig pág p.ex "},
    {"nl", " Dr Drs Mr Mw Dhr Prof Ir Ing St nr blz art vgl bijv "},
    {"pl", " Dr Prof inż mgr ul al nr art tzn tj np św "},
    {"ru", " г ул д кв им проф акад руб тыс млн млрд рис табл ср "},
};

/* Languages that write "5. Mai". */
static const char ordinal_languages[] = " de da nb nn no fi cs sk hu pl hr sr bs sl et lv is tr ";

/* True if the first `n` bytes of word stand between spaces in `words`. */
static bool listed(const char *words, const char *word, size_t n)
{
    char key[32];
    if (n + 2 >= sizeof key)
        return false;
    key[0] = ' ';
    memcpy(key + 1, word, n);
    key[n + 1] = ' ';
    key[n + 2] = '\0';
    return strstr(words, key) != NULL;
}

static size_t previous(const char *text, size_t start, size_t at)
{
    do
        at--;
    while (at > start && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

static uint32_t code_point_at(const char *text, size_t at, size_t end)
{
    uint32_t code_point = 0xfffd;
    (void)utf8_next(text + at, end - at, &code_point);
    return code_point;
}

/* Where the word that ends at `end` begins: after white space or an opening bracket or quote. */
static size_t word_start(const char *text, size_t start, size_t end)
{
    size_t at = end;
    while (at > start) {
        size_t before = previous(text, start, at);
        uint32_t c = code_point_at(text, before, end);
        if (u_isUWhiteSpace((UChar32)c) || u_charType((UChar32)c) == U_START_PUNCTUATION ||
            u_charType((UChar32)c) == U_INITIAL_PUNCTUATION || c == '"' || c == '\'')
            break;
        at = before;
    }
    return at;
}

bool abbreviation_ends(const char *language, const char *text, size_t start, size_t end)
{
    while (end > start &&
           u_isUWhiteSpace((UChar32)code_point_at(text, previous(text, start, end), end)))
        end = previous(text, start, end);
    if (end == start || text[end - 1] != '.')
        return false;
    size_t stop = end - 1, word = word_start(text, start, stop);
    size_t n = stop - word;
    const size_t n_code = strcspn(language, "-_@");
    if (n == 0)
        return false;
    if (utf8_length(text + word, n) == 1 && u_isalpha((UChar32)code_point_at(text, word, stop)))
        return !(n == 1 && text[word] == 'I' && strncmp(language, "en", 2) == 0);
    if (strspn(text + word, "0123456789") >= n)
        return n <= 2 && n_code > 0 && listed(ordinal_languages, language, n_code);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strlen(lists[i].language) == n_code &&
            strncmp(lists[i].language, language, n_code) == 0)
            return listed(lists[i].words, text + word, n);
    return false;
}
