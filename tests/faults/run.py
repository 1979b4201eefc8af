#!/usr/bin/env python3
"""Makes every allocation and every system call of the program fail, once and from there on, and
holds what it does then to its contract.

    run.py PROGRAM INJECT_SO MODEL [--hub URL] [--most N] [--jobs N] [--only TEXT]

--hub URL: where tests/hub/server.py listens, for `get`. --most N: at most N places of each kind, spread evenly, instead of all. Ends with one line of
figures; exit status 1 if anything broke the contract.

The contract: the program ends by itself, within ten seconds, with status 0 and all of the right
answer, or 1 and whole lines of its beginning, or 2 and nothing. On a failure it says so on standard
error in lines that begin "dragoman: ". None of its memory is lost at the end. A call that was
only interrupted, or did less than asked, changes nothing at all.
"""

import argparse
import concurrent.futures
import errno
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

TEXT = b"A dog runs on the beach.\n\nTwo men are playing. They laugh!\nlast line without end"
HANG = 10

# call: the ways in which it fails; 0 is "less than asked".
CALLS = {
    "allocation": [errno.ENOMEM],
    "open": [errno.EACCES, errno.EMFILE, errno.EIO],
    "stat": [errno.EIO],
    "read": [errno.EIO, errno.EINTR, 0],
    "pread": [errno.EIO, errno.EINTR, 0],
    "write": [errno.EIO, errno.ENOSPC, errno.EINTR, errno.EAGAIN, 0],
    "pwrite": [errno.EIO, errno.ENOSPC, errno.EINTR, 0],
    "close": [errno.EIO],
    "fsync": [errno.EIO],
    "ftruncate": [errno.EIO],
    "lseek": [errno.EIO],
    "poll": [errno.EINTR],
    "pipe": [errno.EMFILE],
    "fcntl": [errno.EIO],
    "mmap": [errno.ENOMEM],
    "pthread_create": [errno.EAGAIN],
}


def is_passing(call, how):
    """A condition that passes: the answer must not depend on it, and it is not made to last."""
    return how in (errno.EINTR, 0) or (call == "write" and how == errno.EAGAIN)


# The C library's own last words when memory for the thread-local data of a library that was loaded
# later (libcurl) cannot be had: nobody is asked.
LOADER_GIVES_UP = b"cannot allocate memory for thread-local data: ABORT\n"

# A library below libcurl says this before it can be told not to.
CHATTER = "Error in GnuTLS initialization: "

local = threading.local()
directory = tempfile.mkdtemp(prefix="dragoman-faults-")


def run(arguments, output, library=None, **fault):
    """Status, standard output (or the file of -o), standard error, and the report."""
    if not hasattr(local, "report"):
        local.report = os.path.join(directory, f"report-{threading.get_ident()}")
        local.output = os.path.join(directory, f"output-{threading.get_ident()}")
        local.data = os.path.join(directory, f"data-{threading.get_ident()}")
    with open(local.report, "wb") as file:
        file.write(bytes(32))
    if os.path.exists(local.output):
        os.unlink(local.output)
    shutil.rmtree(local.data, ignore_errors=True)
    environment = {"PATH": os.environ["PATH"], "HOME": directory, "LC_ALL": "C.UTF-8",
                   "XDG_DATA_HOME": local.data, "HF_ENDPOINT": hub, "NO_PROXY": "*"}
    if library is not None:
        environment.update(LD_PRELOAD=library, FAULT_REPORT=local.report,
                           **{"FAULT_" + key.upper(): str(value) for key, value in fault.items()})
    arguments = [argument.replace("OUTPUT", local.output) for argument in arguments]
    try:
        done = subprocess.run(arguments, input=TEXT, capture_output=True, timeout=HANG,
                              env=environment, cwd=directory, check=False)
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        status, out, err = "a hang", late.stdout or b"", late.stderr or b""
    if output:
        try:
            with open(local.output, "rb") as file:
                out += file.read()
        except FileNotFoundError:
            pass
    out = out.replace(local.data.encode(), b"DATA")
    out = re.sub(rb"^memory_bytes +[0-9]+", b"memory_bytes N", out, flags=re.MULTILINE)  # as measured
    with open(local.report, "rb") as file:
        counted, failed, lost, ended = struct.unpack("<4Q", file.read(32))
    return status, out, err, counted, failed, lost, ended, half_a_model(local.data)


def half_a_model(data):
    """True if the store shows a model that is not whole."""
    store = os.path.join(data, "dragoman", "models")
    names = [name for name in (os.listdir(store) if os.path.isdir(store) else [])
             if not name.startswith(".")]
    return any(sorted(os.listdir(os.path.join(store, name))) !=
               [".hub.json", "config.json", "model.safetensors", "tokenizer.json"]
               for name in names)


def faults_of(answer, status, out, err, how, call, failed, lost, ended, half):
    """What of the contract was broken."""
    if call == "allocation" and err.endswith(LOADER_GIVES_UP):
        return
    if not isinstance(status, int) or status not in (0, 1, 2):
        yield f"ended with {status}"
        return
    if is_passing(call, how) and (status, out) != (0, answer):
        yield f"status {status}, {len(out)} bytes after a passing condition"
    if status == 0 and out != answer:
        yield "status 0, but not the right answer"
    if status == 1 and not (answer.startswith(out) and (out == b"" or out.endswith(b"\n"))):
        yield "status 1, but not whole lines of the right answer"
    if status == 2 and out != b"" and answer != b"ok\n":  # info --check lists what it found
        yield "status 2 after output"
    lines = [line for line in err.decode(errors="replace").splitlines()
             if not line.startswith(CHATTER)]
    if status != 0 and not lines and call != "write":
        yield "no message"
    for line in lines:
        if call != "write" and (not line.startswith("dragoman: ") or len(line) > 512):
            yield "message: " + line[:200]
    if half:
        yield "half a model in the store"
    if ended and lost and failed:
        yield f"{lost} blocks of memory lost"


def places(count, most):
    """1..count, or `most` of them: the first ones all, the rest spread evenly."""
    if most is None or count <= most:
        return list(range(1, count + 1))
    first = most // 3
    return sorted({*range(1, first + 1),
                   *(first + round(i * (count - first) / (most - first))
                     for i in range(1, most - first + 1))})


hub = ""


def main():
    global hub
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("model")
    parser.add_argument("--hub", default="")
    parser.add_argument("--most", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    hub = options.hub
    translate = [options.program, "-m", options.model, "--beam", "2", "--max-length", "8"]
    scenarios = {
        "translate": (translate + ["-t", "1"], False),
        "translate with threads": (translate + ["-t", "2"], False),
        "translate to a file": (translate + ["-t", "1", "-o", "OUTPUT"], True),
        "version": ([options.program, "--version"], False),
        "help": ([options.program, "--help=all"], False),
        "models": ([options.program, "models"], False),
        "info": ([options.program, "info", options.model], False),
        "info --check": ([options.program, "info", "--check", options.model], False),
    }
    if hub:
        scenarios["get"] = ([options.program, "get", "test/t5"], False)
    runs = broken = kinds = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (arguments, output) in scenarios.items():
            calls = [call for call in CALLS if options.only in f"{name} {call}"]
            if not calls:
                continue
            status, answer, err = run(arguments, output)[:3]
            if status != 0:
                print(f"{name}: fails by itself: {status} {err.decode(errors='replace')}")
                return 1
            for call in calls:
                first = run(arguments, output, options.library, call=call, at=0)
                if first[1] != answer:
                    print(f"{name}: {call}: another answer when only counting")
                    return 1
                jobs = [(how, always, at) for how in CALLS[call] for always in (0, 1)
                        if not (always and is_passing(call, how)) for at in places(first[3], options.most)]
                kinds += bool(jobs)

                def one(job):
                    how, always, at = job
                    result = run(arguments, output, options.library, call=call, at=at,
                                 always=always, errno=how)
                    status, out, err, _, *rest = result
                    return job, result, list(faults_of(answer, status, out, err, how, call,
                                                       *rest))

                for (how, always, at), result, faults in pool.map(one, jobs):
                    runs += 1
                    if faults:
                        broken += 1
                        what = errno.errorcode.get(how, "less than asked")
                        print(f"{name}: {call} {at}{' and all after' if always else ''}: {what}: "
                              f"{'; '.join(faults)}\n    status {result[0]}, stderr: "
                              f"{result[2][:300].decode(errors='replace')!r}")
    subprocess.run(["rm", "-rf", directory], check=False)
    print(f"{runs} runs, {kinds} kinds of call, {broken} against the contract")
    return 1 if broken or runs == 0 else 0


sys.exit(main())
