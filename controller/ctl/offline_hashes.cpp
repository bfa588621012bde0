// SPDX-License-Identifier: Apache-2.0
// `bailiffctl hashes sign`. The list itself is made in include/bailiff, where its reader is.
#include "controller/ctl/offline_hashes.hpp"

#include "controller/ctl/arguments.hpp"

#include <bailiff/hash_list.hpp>
#include <bailiff/system_clock.hpp>

#include <charconv>
#include <fstream>
#include <iterator>

namespace bailiff {

namespace {

Result<std::string> whole_file(const std::string& path) {
    std::ifstream in(path == "-" ? "/dev/stdin" : path, std::ios::binary);
    if (!in) return fail(Errc::not_found, "'" + path + "' cannot be opened");
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (in.bad()) return fail(Errc::unavailable, "'" + path + "' cannot be read to its end");
    return text;
}

ExitCode refuse(std::ostream& err, const std::string& text) {
    err << "bailiffctl: " << text << "\n";
    return exit_refused;
}

}  // namespace

ExitCode hashes_sign_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl hashes sign --key PEM --kind bad|good --name NAME --version N FILE [OPTIONS]\n"
                "Signs a list of contents that bailiff-scan looks up, and prints it. FILE (- for standard input) has a line\n"
                "'SHA256  NAME' for each, as sha256sum prints it; a bad content is reported under its name, and of good ones the\n"
                "name does not matter. Give the list to bailiff-scan with --hash-list, and the public half of the key with\n"
                "--hash-list-key ('openssl pkey -in PEM -pubout' prints it).\n");
    a.value("key", "PEM", "the private Ed25519 key; 'openssl genpkey -algorithm ed25519' makes one")
        .value("kind", "bad|good", "bad: each content is a hit. good: it is known, and not matched")
        .value("name", "NAME", "of the list, as verdicts show it")
        .value("version", "N", "from 1, higher for each newer list of this name; verdicts show it")
        .value("made-at", "RFC3339", "when it was made; default now")
        .words("file", "");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto files = a.list("file");
    if (files.size() != 1) return a.complain(err, "name one file of digests, or - for standard input");
    for (const char* needed : {"key", "kind", "name", "version"})
        if (!a.has(needed)) return a.complain(err, std::string("--") + needed + " is missing");
    HashListHead head;
    const auto kind = parse_name<HashListKind>(a.text("kind"));
    if (!kind) return a.complain(err, "--kind: " + kind.error().text);
    head.kind = *kind;
    head.name = a.text("name");
    if (!is_hash_name(head.name)) return a.complain(err, "--name takes 1 to 128 printable ASCII characters");
    const std::string version = a.text("version");
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), head.version);
    if (error != std::errc() || end != version.data() + version.size() || head.version < 1) return a.complain(err, "--version must be a whole number from 1");
    head.made_at = SystemClock().now();
    if (a.has("made-at")) {
        const auto at = parse_rfc3339(a.text("made-at"));
        if (!at) return a.complain(err, "--made-at: " + at.error().text);
        head.made_at = *at;
    }

    const auto pem = whole_file(a.text("key"));
    if (!pem) return refuse(err, pem.error().text);
    const auto key = SignatureKey::from_private_pem(*pem);
    if (!key) return refuse(err, "'" + a.text("key") + "': " + key.error().text);
    const auto text = whole_file(files[0]);
    if (!text) return refuse(err, text.error().text);
    auto entries = read_hash_sums(*text, head.kind);
    if (!entries) return refuse(err, "'" + files[0] + "': " + entries.error().text);
    if (entries->empty()) return refuse(err, "'" + files[0] + "' names no content; write 'SHA256  NAME' lines as sha256sum prints them");
    out << write_hash_list(*key, std::move(head), std::move(*entries));
    return exit_ok;
}

}  // namespace bailiff
