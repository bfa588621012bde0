#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes bailiffctl.1 from what the program's own commands say of themselves: make_bailiffctl.py BAILIFFCTL > bailiffctl.1"""
import re
import subprocess
import sys

program = sys.argv[1]
shared = ["json", "server", "token-file", "ca", "timeout", "config", "help"]


def ask(*words):
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


def roff(text):
    # One sentence per line, as mdoc wants it; wrapped help leaves runs of blanks.
    text = re.sub(r"([a-z)])\. +([A-Z])", r"\1.\n\2", re.sub(r" {2,}", " ", text))
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.split("\n"))


def options(text):
    """(name, argument, explanation) of each option, its lines joined."""
    found = []
    for line in text.split("\n"):
        start = re.match(r"  (?:-\w \[ )?--([a-z0-9-]+)(?: \])?(?: (\S+))?(?:\s{2,}|\s*$)(.*)", line)
        if start and len(line) - len(line.lstrip()) < 6:
            found.append([start.group(1), start.group(2) or "", start.group(3)])
        elif found and line.startswith("      ") and line.strip():
            found[-1][2] = (found[-1][2] + " " + line.strip()).strip()
    return found


def item(name, argument, text):
    print(".It Fl -" + roff(name) + (" Ar " + roff(argument) if argument else ""))
    print(roff(text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")))


commands = re.findall(r"^  (\S+(?: \S+)?)  +(.*)$", ask("--help"), re.M)
print(r'''.\" SPDX-License-Identifier: Apache-2.0
.\" Made by make_bailiffctl.py; do not edit.
.Dd March 2, 2026
.Dt BAILIFFCTL 1
.Os
.Sh NAME
.Nm bailiffctl
.Nd what abuse staff and administrators do from a terminal
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar options
.Sh DESCRIPTION
.Nm
asks a
.Xr bailiff-controller 8
over its REST API, and does some things without one: reckon deadlines, check policies, read reports.
People get tables with local times and their zone; with
.Fl -json
the answer is the controller's JSON.
Requests that change something carry a key, so that one whose fate is unknown is repeated without acting twice.
.Pp
Options common to all commands that ask a controller:
.Bl -tag -width Ds''')
for name, argument, text in options(ask("case", "show", "--help")):
    if name in shared:
        item(name, argument, text)
print(r'''.El
.Pp
.Nm
.Fl -version
prints the version,
.Nm
.Fl -help
the list of commands.
.Sh COMMANDS''')
for name, summary in commands:
    text = ask(*name.split(), "--help")
    usage, _, rest = text.partition("\n")
    print(".Ss " + roff(name))
    print(".Dl " + roff(usage.removeprefix("Usage: ")))
    about = rest.split("\nOptions")[0].strip().split("\nOptions:")[0].strip()
    if about:
        print(roff(about))
    own = [o for o in options(text) if o[0] not in shared or (o[0] == "json" and name in ("deadline", "policy check"))]
    if own:
        print(".Bl -tag -width Ds")
        for option in own:
            item(*option)
        print(".El")
print(r'''.Sh FILES
.Bl -tag -width Ds -compact
.It Pa ~/.config/bailiff/token
the token, alone on the first line; mode 0600
.It Pa ~/.config/bailiff/ctl.conf
lines
.Ql name = value
with the names server, token\-file, ca and timeout;
.Ql #
begins a comment
.El
.Sh EXIT STATUS
.Bl -tag -width Ds -compact
.It 0
done
.It 1
understood and refused, or failed
.It 2
the command line is wrong
.It 3
the controller does not answer, or not now
.El
.Sh EXAMPLES
.Dl bailiffctl report add \-\-type content/malware \-\-address 192.0.2.10 \-\-summary \(dqEICAR at /x\(dq
.Dl bailiffctl calls
.Dl bailiffctl case call C\-17 \-\-outcome no_answer
.Dl source <(bailiffctl completion bash)
.Sh SEE ALSO
.Xr bailiff-scan 1 ,
.Xr bailiff-agent 8 ,
.Xr bailiff-controller 8 ,
.Xr bailiff-link 8''')
