// SPDX-License-Identifier: Apache-2.0
// `bailiffctl intake mail`: the end of a mail server's pipe. Its exit code is all that the server learns.
#include "controller/ctl/intake_door.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

namespace bailiff {
namespace {

/// An option, or what the mail server says in the environment (postfix's local, exim and opensmtpd do).
std::string envelope(const Arguments& a, const char* option, const char* variable) {
    if (a.has(option)) return a.text(option);
    const char* value = std::getenv(variable);
    return value ? value : "";
}

ExitCode take_mail(const Arguments& a, std::ostream& out, std::ostream& err) {
    const auto complain = [&](const std::string& text, int code) {
        err << "bailiffctl: " << text << "\n";
        return ExitCode(code);
    };
    auto client = controller_of(a);
    if (!client) return complain(client.error().text, sysexit_of(client.error()));
    int from = STDIN_FILENO;
    if (a.has("file")) {
        from = open(a.text("file").c_str(), O_RDONLY | O_CLOEXEC);
        if (from < 0) return complain("'" + a.text("file") + "' cannot be opened: " + std::strerror(errno), EX_TEMPFAIL);
    }
    const auto mail = read_intake_mail(from);
    if (from != STDIN_FILENO) close(from);
    if (!mail) return complain(mail.error().text, EX_TEMPFAIL);
    if (mail->bytes.empty()) return complain("there is no mail on standard input", EX_DATAERR);
    IntakeDoor door(std::move(*client), a.flagged("json"));
    const auto handed = door.hand_in(*mail, envelope(a, "sender", "SENDER"), envelope(a, "recipient", "RECIPIENT"));
    if (handed.fate != HandedIn::Fate::kept) return complain(handed.text, sysexit_of(handed));
    out << handed.text << "\n";
    return exit_ok;
}

}  // namespace

ExitCode intake_mail(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl intake mail [OPTIONS] < MAIL\n"
                "Hands one mail to the controller: the end of a pipe of postfix, exim or opensmtpd. The exit code is one of\n"
                "sysexits(3): 0 the mail is kept; 75 it is not, or nobody knows, so the server tries again later, and trying again\n"
                "files nothing twice; 65 there was no mail; 64 and 78 the options or the settings are wrong. Of a mail above\n"
                "25 MiB the beginning is kept for a person.\n");
    a.value("sender", "ADDRESS", "the envelope's sender; default what SENDER holds in the environment")
        .value("recipient", "ADDRESS", "the envelope's recipient; default what RECIPIENT holds in the environment")
        .value("file", "FILE", "the mail; default standard input");
    add_online_options(a);
    // Any other code would make a mail server give the mail back, and a report would be lost for want of memory.
    try {
        if (const auto over = a.read(arguments, out, err)) return *over == exit_ok ? exit_ok : ExitCode(EX_USAGE);
        if (a.has("word")) return a.complain(err, "'" + a.list("word")[0] + "' is a word too many"), ExitCode(EX_USAGE);
        return take_mail(a, out, err);
    } catch (const std::exception& e) {
        err << "bailiffctl: " << e.what() << "\n";
        return ExitCode(EX_TEMPFAIL);
    }
}

}  // namespace bailiff
