// SPDX-License-Identifier: Apache-2.0
// `bailiffctl intake maildir`: new/ is what waits, cur/ is what the controller has. Ending it at any moment loses nothing.
#include "controller/ctl/intake_door.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

namespace bailiff {
namespace {

namespace fs = std::filesystem;

/// The names in new/, oldest first as far as Maildir's names tell.
Result<std::vector<std::string>> waiting_mails(const fs::path& maildir) {
    std::vector<std::string> names;
    std::error_code error;
    for (auto entry = fs::directory_iterator(maildir / "new", error); !error && entry != fs::directory_iterator(); entry.increment(error))
        if (const std::string name = entry->path().filename(); name[0] != '.') names.push_back(name);
    if (error) return fail(Errc::not_found, "'" + (maildir / "new").string() + "' cannot be read: " + error.message());
    std::sort(names.begin(), names.end());
    return names;
}

/// A plain file's mail; nothing else that may lie there is opened for long, and links are not followed.
Result<IntakeMail> mail_in(const fs::path& file) {
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return fail(Errc::unavailable, std::strerror(errno));
    struct stat facts {};
    const bool plain = fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
    auto mail = plain ? read_intake_mail(descriptor) : Result<IntakeMail>(fail(Errc::invalid, "it is no plain file"));
    close(descriptor);
    return mail;
}

/// Hands in what waits; says how many stay. What the controller keeps is marked as seen.
size_t empty_new(IntakeDoor& door, const fs::path& maildir, const std::string& recipient, std::ostream& out, std::ostream& err) {
    const auto names = waiting_mails(maildir);
    if (!names) {
        err << "bailiffctl: " << names.error().text << "\n";
        return 1;
    }
    size_t stay = 0;
    for (size_t i = 0; i < names->size(); ++i) {
        const std::string& name = (*names)[i];
        const fs::path file = maildir / "new" / name;
        const auto mail = mail_in(file);
        const auto handed = !mail                 ? HandedIn{HandedIn::Fate::refused, mail.error().text}
                            : mail->bytes.empty() ? HandedIn{HandedIn::Fate::refused, "it is empty"}
                                                  : door.hand_in(*mail, "", recipient);
        if (handed.fate != HandedIn::Fate::kept) {
            err << "bailiffctl: " << clean_line(name) << " stays in new/: " << handed.text << "\n";
            ++stay;
            // A controller that is away is away for the others too.
            if (handed.fate == HandedIn::Fate::later) return stay + names->size() - i - 1;
            continue;
        }
        const fs::path seen = maildir / "cur" / (name.find(":2,") == std::string::npos ? name + ":2,S" : name);
        std::error_code error;
        fs::rename(file, seen, error);
        if (error) {
            err << "bailiffctl: " << clean_line(name) << " is kept, but cannot be moved to cur/: " << error.message() << "\n";
            ++stay;
        }
        out << clean_line(name) << " " << handed.text << std::endl;
    }
    return stay;
}

/// Until something comes into the folder, or the time is over.
void wait_for_mail(int watch, int seconds) {
    pollfd one{watch, POLLIN, 0};
    if (poll(&one, watch >= 0 ? 1 : 0, seconds * 1000) <= 0) return;
    char events[8192];
    while (read(watch, events, sizeof events) > 0) {}
}

}  // namespace

ExitCode intake_maildir(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl intake maildir FOLDER [OPTIONS]\n"
                "Hands the mails in FOLDER/new to the controller. A mail moves to FOLDER/cur only when the controller has said that it\n"
                "is kept; others stay. Handing in twice files nothing twice. Exit code 0: none stays; 75: some do.\n");
    a.flag("watch", "go on for ever: hand in what comes, and what stayed every --every seconds")
        .value("every", "SECONDS", "with --watch; default 60")
        .value("recipient", "ADDRESS", "whose mails these are");
    add_online_options(a);
    if (const auto over = a.read(arguments, out, err)) return *over == exit_ok ? exit_ok : ExitCode(EX_USAGE);
    if (a.list("word").size() != 1) return a.complain(err, "name one Maildir"), ExitCode(EX_USAGE);
    int every = 60;
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
    const fs::path maildir = a.list("word")[0];
    if (!a.flagged("watch")) return ExitCode(empty_new(door, maildir, a.text("recipient"), out, err) == 0 ? EX_OK : EX_TEMPFAIL);
    // Watched before it is looked at, so that nothing comes in between unseen; without inotify it is just looked at.
    const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch >= 0 && inotify_add_watch(watch, (maildir / "new").c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        err << "bailiffctl: '" << maildir.string() << "/new' cannot be watched (" << std::strerror(errno) << "); it is looked at every " << every << " s\n";
    for (;;) {
        empty_new(door, maildir, a.text("recipient"), out, err);
        wait_for_mail(watch, every);
    }
}

}  // namespace bailiff
