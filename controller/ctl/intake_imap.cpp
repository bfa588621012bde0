// SPDX-License-Identifier: Apache-2.0
// `bailiffctl intake imap`: what is not marked as seen waits; the mark is set only when the controller has the mail.
#include "controller/ctl/imap_session.hpp"
#include "controller/ctl/intake_door.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <poll.h>
#include <sysexits.h>

namespace bailiff {
namespace {

/// A fresh connection each round: nothing to mend when one breaks. False when something stays, or could not be asked.
bool empty_folder(const ImapOptions& options, IntakeDoor& door, const std::string& recipient, const std::string& move_to, std::ostream& out,
                  std::ostream& err) {
    const auto complain = [&](const std::string& text) { return err << "bailiffctl: " << text << "\n", false; };
    auto session = ImapSession::open(options);
    if (!session) return complain(session.error().text);
    const auto waiting = session->unseen();
    if (!waiting) return complain(waiting.error().text);
    bool all = true;
    for (const uint32_t uid : *waiting) {
        const std::string name = "mail " + std::to_string(uid);
        const auto mail = session->fetch(uid);
        if (!mail && mail.error().code == Errc::not_found) continue;
        if (!mail) return complain(name + ": " + mail.error().text);
        const auto handed = mail->bytes.empty() ? HandedIn{HandedIn::Fate::refused, "it is empty"} : door.hand_in(*mail, "", recipient);
        if (handed.fate != HandedIn::Fate::kept) {
            all = complain(name + " stays unread: " + handed.text);
            if (handed.fate == HandedIn::Fate::later) return false;
            continue;
        }
        out << name << " " << handed.text << std::endl;
        // Should the mark fail, the mail is handed in again and known again.
        if (const auto marked = session->mark_seen(uid); !marked) return complain(name + " is kept, but not marked: " + marked.error().text);
        if (move_to.empty()) continue;
        if (const auto moved = session->move(uid, move_to); !moved) all = complain(name + " is kept, but not moved: " + moved.error().text);
    }
    return all;
}

}  // namespace

ExitCode intake_imap(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl intake imap --url URL --user USER --password-file FILE [OPTIONS]\n"
                "Hands the mails of an IMAP folder that are not marked as seen to the controller, and marks each only when the controller\n"
                "has said that it is kept. Handing in twice files nothing twice. Exit code 0: none is left; 75: some are, or the\n"
                "server could not be asked.\n");
    a.value("url", "URL", "the folder: imaps://HOST[:PORT]/FOLDER; imap:// takes STARTTLS, except on this machine")
        .value("user", "USER", "who logs in")
        .value("password-file", "FILE", "the password, alone on the first line")
        .value("imap-ca", "FILE", "the CA that signed the IMAP server's certificate; default the system's")
        .value("every", "SECONDS", "go on for ever, looking so often; without it once")
        .value("move", "FOLDER", "move what is kept there")
        .value("recipient", "ADDRESS", "whose mails these are");
    add_online_options(a);
    if (const auto over = a.read(arguments, out, err)) return *over == exit_ok ? exit_ok : ExitCode(EX_USAGE);
    if (a.has("word")) return a.complain(err, "'" + a.list("word")[0] + "' is a word too many"), ExitCode(EX_USAGE);
    for (const char* needed : {"url", "user", "password-file"})
        if (!a.has(needed)) return a.complain(err, std::string("--") + needed + " is missing"), ExitCode(EX_USAGE);
    const auto unfit = [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E; };
    const std::string move_to = a.text("move");
    if (std::any_of(move_to.begin(), move_to.end(), unfit)) return a.complain(err, "--move takes printable ASCII"), ExitCode(EX_USAGE);
    int every = 0;
    if (a.has("every")) {
        const std::string text = a.text("every");
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), every);
        if (error != std::errc() || end != text.data() + text.size() || every < 1 || every > 86400)
            return a.complain(err, "--every must be a whole number of seconds from 1 to 86400"), ExitCode(EX_USAGE);
    }
    auto client = controller_of(a);
    if (!client) {
        err << "bailiffctl: " << client.error().text << "\n";
        return sysexit_of(client.error());
    }
    IntakeDoor door(std::move(*client), a.flagged("json"));
    ImapOptions options{a.text("url"), a.text("user"), "", a.text("imap-ca"), std::chrono::seconds(60)};
    for (;;) {
        // Read anew each time, so that a changed password needs no restart.
        std::ifstream file(a.text("password-file"));
        options.password.clear();
        bool all = bool(std::getline(file, options.password)) && !options.password.empty();
        if (!all) err << "bailiffctl: there is no password in '" << a.text("password-file") << "'\n";
        else all = empty_folder(options, door, a.text("recipient"), move_to, out, err);
        if (every == 0) return ExitCode(all ? EX_OK : EX_TEMPFAIL);
        poll(nullptr, 0, every * 1000);
    }
}

}  // namespace bailiff
