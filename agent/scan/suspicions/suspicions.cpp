// SPDX-License-Identifier: Apache-2.0
// Each purpose of a place has its rule; a reason quotes what was seen, so that a person can judge without the disk.
#include "agent/scan/suspicions/suspicions.hpp"

#include "agent/scan/suspicions/key_file.hpp"
#include "agent/scan/suspicions/php_text.hpp"
#include "agent/scan/suspicions/place.hpp"
#include "agent/scan/suspicions/shell_text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr size_t longest_quote = 160;
constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(blanks);
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string in_quotes(std::string_view text) {
    text = trimmed(text);
    return "'" + std::string(text.substr(0, longest_quote)) + (text.size() > longest_quote ? "…'" : "'");
}

/// Calls `use(line)` for each line, joined with those that follow a backslash at its end.
template <class Use>
void each_line(std::string_view text, Use use) {
    std::string joined;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (line.ends_with('\\') && !text.empty()) {
            joined += std::string(line.substr(0, line.size() - 1)) + " ";
            continue;
        }
        if (joined.empty()) {
            use(line);
        } else {
            joined += line;
            use(joined);
            joined.clear();
        }
    }
}

/// What is collected of one file: the first find of each rule.
class Finds {
  public:
    std::vector<Suspicion> out;
    void add(SuspicionRule rule, std::string reason) {
        if (std::any_of(out.begin(), out.end(), [&](const Suspicion& s) { return s.rule == rule; })) return;
        reason.resize(std::min(reason.size(), longest_reason));
        out.push_back({rule, std::move(reason)});
    }
    void add(const ShellSight& sight, std::string_view shown, SuspicionRule download, SuspicionRule place, bool hidden_counts) {
        if (sight.runs_unseen) add(download, *sight.runs_unseen + (shown.empty() ? "" : ": " + in_quotes(shown)));
        if (sight.runs_from) add(place, "runs from a temporary folder: " + in_quotes(*sight.runs_from));
        else if (sight.runs_hidden && hidden_counts) add(place, "runs from a hidden place: " + in_quotes(*sight.runs_hidden));
    }
};

/// The command of a crontab's line after its time and user; empty for comments, settings and what is no entry.
std::string_view command_of(std::string_view line, Purpose purpose) {
    if (line.empty() || line[0] == '#') return {};
    const size_t equals = line.find('='), blank = line.find_first_of(blanks);
    const bool entry = line[0] == '@' || line[0] == '*' || (line[0] >= '0' && line[0] <= '9');
    if (!entry || (equals != line.npos && equals < blank)) return {};
    size_t fields = purpose == Purpose::anacrontab ? 3 : line[0] == '@' ? 1 : 5;
    if (purpose == Purpose::system_crontab) ++fields;
    for (; fields > 0; --fields) {
        const size_t end = line.find_first_of(blanks);
        if (end == line.npos) return {};
        line = trimmed(line.substr(end));
    }
    return line;
}

void crontab(std::string_view text, Purpose purpose, Finds& finds) {
    each_line(text, [&](std::string_view line) {
        if (const auto command = command_of(line, purpose); !command.empty())
            finds.add(look_at_shell(command), line, SuspicionRule::cron_download, SuspicionRule::cron_place, true);
    });
}

/// The line of a script in which the find stands, as far as that can be told: a person sees the file itself anyway.
std::string_view telling_line(std::string_view text) {
    std::string_view out;
    while (!text.empty() && out.empty()) {
        const size_t end = text.find('\n');
        const auto line = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        const auto sight = look_at_shell(line);
        if (sight.runs_unseen) out = line;
    }
    return out;
}

void script(std::string_view text, SuspicionRule download, SuspicionRule place, bool hidden_counts, Finds& finds) {
    const auto sight = look_at_shell(text);
    finds.add(sight, sight.runs_unseen ? telling_line(text) : std::string_view(), download, place, hidden_counts);
}

void unit(std::string_view text, Finds& finds) {
    each_line(text, [&](std::string_view line) {
        if (!line.starts_with("Exec")) return;
        const size_t equals = line.find('=');
        if (equals == line.npos || trimmed(line.substr(0, equals)).find_first_of(blanks) != line.npos) return;
        auto command = trimmed(line.substr(equals + 1));
        command.remove_prefix(std::min(command.find_first_not_of("-@:+!|"), command.size()));
        finds.add(look_at_shell(command), line, SuspicionRule::unit_download, SuspicionRule::unit_place, true);
    });
}

void preload(std::string_view text, Finds& finds) {
    each_line(text, [&](std::string_view line) {
        if (!line.empty() && line[0] != '#') finds.add(SuspicionRule::ld_preload, "a library is loaded into every program: " + in_quotes(line));
    });
}

void php(const Place& place, std::string_view head, Finds& finds) {
    const auto found = php_in(head);
    if (!found) return;
    if (place.web && place.picture_name && !place.php_name) finds.add(SuspicionRule::php_in_picture, "PHP stands in a file that is named as a picture: " + in_quotes(found->substr(0, found->find('\n'))));
    if (const auto shape = web_shell_shape(*found)) finds.add(SuspicionRule::web_shell, "has the shape of a web shell: " + *shape);
    if (!place.php_name || only_guards(*found)) return;
    if (place.uploads) finds.add(SuspicionRule::php_in_uploads, "PHP stands among what visitors uploaded");
    else if (place.pictures && obeys_visitors(*found)) finds.add(SuspicionRule::php_in_uploads, "PHP that obeys its visitors stands in a folder of data");
}

void set_user_id(std::string_view path, uint32_t mode, Finds& finds) {
    if (!S_ISREG(mode) || !(mode & S_ISUID) || !(mode & (S_IXUSR | S_IXGRP | S_IXOTH))) return;
    const bool home = path.starts_with("/home/") || path.starts_with("/root/");
    if (!home && !is_temporary(path)) return;
    // Whole systems that lie in a home, and the one program of a browser that asks for it.
    for (const std::string_view whole : {"/containers/", "/docker/", "/lxc/", "/overlay2/", "/rootfs/", "/chroot", "/snap/", "/chrome-sandbox", "/chrome_sandbox", "/schroot/", "/pbuilder/"})
        if (path.find(whole) != path.npos) return;
    finds.add(SuspicionRule::setuid_place, std::string("a set-user-ID program lies in a ") + (home ? "home" : "temporary") + " folder");
}

}  // namespace

bool asks_for_content(std::string_view path) { return place_of(path).asks_for_content(); }

std::vector<Suspicion> suspicions_of(std::string_view path, std::string_view head, uint32_t mode) {
    Finds finds;
    head = head.substr(0, suspicion_head);
    const Place place = place_of(path);
    switch (place.purpose) {
        case Purpose::none: break;
        case Purpose::system_crontab:
        case Purpose::crontab:
        case Purpose::anacrontab: crontab(head, place.purpose, finds); break;
        case Purpose::cron_script: script(head, SuspicionRule::cron_download, SuspicionRule::cron_place, true, finds); break;
        case Purpose::login_script: script(head, SuspicionRule::login_download, SuspicionRule::login_place, false, finds); break;
        case Purpose::unit: unit(head, finds); break;
        case Purpose::ld_preload: preload(head, finds); break;
        case Purpose::authorized_keys:
            if (const auto why = odd_keys(path, head)) finds.add(SuspicionRule::authorized_key, *why);
            break;
    }
    if (place.php_name || (place.web && place.picture_name)) php(place, head, finds);
    set_user_id(path, mode, finds);
    return std::move(finds.out);
}

}  // namespace bailiff::agent
