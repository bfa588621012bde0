// SPDX-License-Identifier: Apache-2.0
// Homes of accounts that nobody logs in to, and forced commands.
#include "agent/scan/suspicions/key_file.hpp"

#include "agent/scan/suspicions/place.hpp"
#include "agent/scan/suspicions/shell_text.hpp"

#include <algorithm>
#include <array>

namespace bailiff::agent {
namespace {

using namespace std::string_view_literals;

/// Of Debian and its packages. Not here: accounts that are reached by key in earnest (git, postgres, nagios, jenkins, backup).
constexpr std::array homes_without_login{
    "/var/www"sv, "/var/www/html"sv, "/usr/sbin"sv, "/bin"sv, "/sbin"sv, "/dev"sv, "/etc"sv, "/usr/games"sv, "/nonexistent"sv, "/var/mail"sv, "/var/cache/man"sv,
    "/var/spool/lpd"sv, "/var/spool/news"sv, "/var/spool/uucp"sv, "/var/spool/postfix"sv, "/var/spool/exim4"sv, "/var/lib/redis"sv, "/var/lib/mysql"sv,
    "/var/lib/mongodb"sv, "/var/lib/elasticsearch"sv, "/var/lib/memcached"sv, "/var/lib/nginx"sv, "/var/lib/apache2"sv, "/var/lib/php"sv, "/var/lib/rabbitmq"sv,
    "/usr/share/nginx"sv, "/usr/share/httpd"sv, "/var/cache/bind"sv, "/run/sshd"sv};

bool is_key(std::string_view line) { return line.find("ssh-") != line.npos || line.find("ecdsa-sha2-") != line.npos; }

/// The text of command="…" in a key's options, its \" made plain.
std::string forced_command(std::string_view line) {
    const auto at = line.find("command=\"");
    std::string out;
    if (at == line.npos) return out;
    for (size_t i = at + 9; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '"') ++i;
        out += line[i];
    }
    return out;
}

}  // namespace

std::optional<std::string> odd_keys(std::string_view path, std::string_view content) {
    const std::string_view folder = path.substr(0, path.size() - name_of(path).size());
    bool any = false;
    std::optional<std::string> command;
    for (std::string_view rest = content; !rest.empty();) {
        const size_t end = rest.find('\n');
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        if (line.starts_with('#') || !is_key(line)) continue;
        any = true;
        if (command) continue;
        const std::string forced = forced_command(line);
        const auto sight = look_at_shell(forced);
        if (sight.runs_unseen || sight.runs_from) command = "a key's forced command " + sight.runs_unseen.value_or("runs from a temporary folder") + ": '" + forced.substr(0, 160) + "'";
    }
    if (!any) return std::nullopt;
    if (content.starts_with("REDIS")) return "the file is a dump of Redis with a key in it: somebody wrote it through an open database";
    if (command) return command;
    if (is_temporary(path)) return "keys lie in a temporary folder";
    for (const auto home : homes_without_login)
        if (folder.size() == home.size() + 6 && folder.starts_with(home) && folder.ends_with("/.ssh/")) return "keys of an account that nobody logs in to, at home in " + std::string(home);
    return std::nullopt;
}

}  // namespace bailiff::agent
