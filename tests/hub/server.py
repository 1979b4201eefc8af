#!/usr/bin/env python3
"""A hub for tests: the URLs of the Hugging Face hub on one port of 127.0.0.1, and the storage its
large files are redirected to on another. Models misbehave as their names say.

    server.py DIRECTORY     writes DIRECTORY/ports ("HUB STORAGE"), logs requests to DIRECTORY/log,
                            and serves version $(cat DIRECTORY/version) of test/update
"""

import hashlib
import json
import os
import random
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HERE = sys.argv[1]
TOKEN = "Bearer hf_secret"
MEGA = 1 << 20


def noise(seed, size):
    return random.Random(seed).randbytes(size)


WEIGHTS = noise("weights", 3 * MEGA)
CONFIG = b'{"model_type": "marian"}'
BASIC = {"config.json": CONFIG, "source.spm": noise("source", 5000), "vocab.json": b"{}",
         "tokenizer_config.json": b'{"source_lang": "en", "target_lang": "de"}'}
LARGE = {"model.safetensors": WEIGHTS}
EXTRA = {"README.md": b"# hello", "pytorch_model.bin": noise("torch", 9000),
         "tf_model.h5": noise("tf", 9000), "onnx/model.onnx": noise("onnx", 9000),
         "tokenizer.json": b"{}", ".gitattributes": b"*"}

MODELS = {name: {**BASIC, **LARGE} for name in (
    "test/cut", "test/dead", "test/norange", "test/wrong", "test/short", "test/long",
    "test/private", "test/gated", "test/loop", "test/away", "test/busy", "test/changed",
    "test/shrunk", "test/oddrange", "test/downgrade")}
MODELS.update({
    "test/good": {**BASIC, **LARGE, **EXTRA},
    "plain": {**BASIC, **LARGE},
    "test/shards": {**BASIC, "model.safetensors.index.json": b"{}",
                    "model-00001-of-00002.safetensors": noise(1, 4000),
                    "model-00002-of-00002.safetensors": noise(2, 4000),
                    "pytorch_model.bin": noise(3, 4000)},
    "test/lostshard": {**BASIC, "model.safetensors.index.json": b"{}",
                       "model-00002-of-00002.safetensors": noise(2, 4000)},
    "test/torch": {**BASIC, "pytorch_model.bin": noise(3, 4000), "empty.model": b""},
    "test/t5": {"config.json": b"{}", "model.safetensors": b"x", "tokenizer.json": b"{}"},
    "test/none": {**BASIC, "tf_model.h5": b"x"},
    "test/evil1": {**BASIC, **LARGE, "../../evil.spm": b"x"},
    "test/evil2": {**BASIC, **LARGE, "/tmp/evil.spm": b"x"},
    "test/evil3": {**BASIC, **LARGE, "a\n\x1b[2Jb.spm": b"x"},
    "test/evil4": {**BASIC, **LARGE, "..": b"x"},
    "test/evil5": {**BASIC, **LARGE, "a//b": b"x"},
    "test/huge": {**BASIC, **LARGE},
    "test/odd": {}, "test/notjson": {}, "test/nodigest": {**BASIC, **LARGE}, "test/big": {},
})

count_lock = threading.Lock()
counts = {}


def count(key):
    with count_lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def version():
    try:
        with open(os.path.join(HERE, "version")) as file:
            return file.read().strip()
    except FileNotFoundError:
        return "1"


def files_of(model):
    if model == "test/update":
        return {**BASIC, "config.json": b'{"model_type": "marian", "v": %s}' % version().encode(),
                "model.safetensors": noise("update", MEGA)}
    return MODELS[model]


def commit_of(model):
    return hashlib.sha1((model + version()).encode()).hexdigest()


def is_large(name):
    return name.endswith((".safetensors", ".bin", ".spm", ".h5", ".onnx"))


def listing(model):
    siblings = []
    for name, data in files_of(model).items():
        entry = {"rfilename": name, "size": len(data)}
        if model == "test/huge" and name == "model.safetensors":
            entry["size"] = 1 << 50
        if is_large(name):
            digest = hashlib.sha256(data).hexdigest()
            if model == "test/wrong":
                digest = digest[::-1]
            entry["lfs"] = {"sha256": digest, "size": entry["size"], "pointerSize": 134}
            entry["blobId"] = "0" * 40
        else:
            entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if model == "test/nodigest":
            entry.pop("blobId")
        siblings.append(entry)
    return {"id": model, "sha": commit_of(model), "private": False, "siblings": siblings}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def note(self):
        range_field = self.headers.get("Range", "-").replace("bytes=", "")
        token = "token" if self.headers.get("Authorization") == TOKEN else "-"
        where = "hub" if self.server.is_hub else "storage"
        with count_lock, open(os.path.join(HERE, "log"), "a") as log:
            log.write(f"{where} {self.path} {range_field} {token} "
                      f"{'if-range' if self.headers.get('If-Range') else '-'}\n")

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, target):
        self.answer(302, b"moved", Location=target)

    def do_GET(self):
        self.note()
        path = unquote(urlsplit(self.path).path)
        if not self.server.is_hub:
            return self.storage(path)
        if path.startswith("/api/models/"):
            return self.api(path[len("/api/models/"):])
        if "/resolve/" in path:
            model, rest = path[1:].split("/resolve/")
            return self.resolve(model, *rest.split("/", 1))
        return self.answer(404)

    def api(self, path):
        model, revision = path.split("/revision/")
        if model == "old-name":
            return self.answer(307, Location="/api/models/plain/revision/main?blobs=true")
        if model == "test/private" and self.headers.get("Authorization") != TOKEN:
            return self.answer(401, b"{}", X_Error_Code="RepoNotFound")
        if model == "test/gated":
            return self.answer(403, b"{}", X_Error_Code="GatedRepo")
        if model == "test/busy" and count("busy") == 1:
            return self.answer(503, b"busy", Retry_After="0")
        if model == "test/odd":
            return self.answer(200, b'{"siblings": "none"}')
        if model == "test/notjson":
            return self.answer(200, b"<html>")
        if model == "test/big":
            return self.answer(200, b" " * (5 * MEGA))
        if model not in MODELS and model != "test/update":
            return self.answer(404, b"{}", X_Error_Code="RepoNotFound")
        if revision not in ("main", "v1.0", "refs/pr/1"):
            return self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
        return self.answer(200, json.dumps(listing(model)).encode())

    def resolve(self, model, commit, name):
        if model == "old-name":
            return self.answer(307, Location=f"/plain/resolve/{commit}/{name}")
        if model not in MODELS and model != "test/update":
            return self.answer(404, X_Error_Code="RepoNotFound")
        if commit != commit_of(model) or name not in files_of(model):
            return self.answer(404, X_Error_Code="EntryNotFound")
        if model == "test/private" and self.headers.get("Authorization") != TOKEN:
            return self.answer(401, X_Error_Code="RepoNotFound")
        if name == "model.safetensors" and model == "test/loop":
            return self.redirect(self.path)
        if name == "model.safetensors" and model == "test/away":
            return self.redirect("file:///etc/passwd")
        if is_large(name):
            return self.redirect(f"http://127.0.0.1:{self.server.other}/{model}/{name}?sig=x")
        return self.body(model, name)

    def storage(self, path):
        model, name = path[1:].rsplit("/", 1)
        if self.headers.get("Authorization") is not None:
            return self.answer(400, b"the token came here")
        if model not in MODELS and model != "test/update":
            return self.answer(404)
        return self.body(model, name)

    def body(self, model, name):
        data = files_of(model)[name]
        is_weights = name == "model.safetensors"
        tag = '"%s"' % hashlib.sha256(data).hexdigest()[:16]
        times = count(model + "/" + name)
        if is_weights and model == "test/changed" and times == 1:
            tag = '"before"'
            data = noise("before", len(data))
        if is_weights and model in ("test/short", "test/shrunk"):
            data = data[:MEGA]
        if is_weights and model == "test/long":
            data += b"more"
        first = 0
        wanted = self.headers.get("Range")
        if wanted is not None and model != "test/norange":
            unchanged = self.headers.get("If-Range") in (None, tag)
            first = int(wanted[len("bytes="):].split("-")[0]) if unchanged else 0
        if first > 0 and first >= len(data):
            return self.answer(416, Content_Range=f"bytes */{len(data)}")
        self.send_response(206 if first > 0 else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - first))
        if first > 0:
            odd = 7 if model == "test/oddrange" else 0
            self.send_header("Content-Range", f"bytes {first - odd}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        data = data[first:]
        if is_weights and model == "test/dead":
            self.close_connection = True
            return
        cut = is_weights and (model == "test/cut" or
                              (model in ("test/norange", "test/changed") and times == 1))
        if cut and len(data) > MEGA:
            self.wfile.write(data[:MEGA])
            self.close_connection = True
            return
        try:
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True


def main():
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    storage = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.is_hub, hub.other = True, storage.server_port
    storage.is_hub, storage.other = False, hub.server_port
    threading.Thread(target=storage.serve_forever, daemon=True).start()
    with open(os.path.join(HERE, "ports.new"), "w") as file:
        file.write(f"{hub.server_port} {storage.server_port}\n")
    os.rename(os.path.join(HERE, "ports.new"), os.path.join(HERE, "ports"))
    hub.serve_forever()


main()
