// SPDX-License-Identifier: Apache-2.0
// Tables of folders and names.
#include "agent/scan/suspicions/place.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace bailiff::agent {
namespace {

using namespace std::string_view_literals;

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}
template <size_t N>
bool ends_with_one_of(std::string_view text, const std::array<std::string_view, N>& ends) {
    return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return text.ends_with(end); });
}
template <size_t N>
bool starts_with_one_of(std::string_view text, const std::array<std::string_view, N>& starts) {
    return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return text.starts_with(start); });
}

constexpr std::array cron_scripts{"/etc/cron.hourly"sv, "/etc/cron.daily"sv, "/etc/cron.weekly"sv, "/etc/cron.monthly"sv, "/etc/periodic/15min"sv,
                                  "/etc/periodic/hourly"sv, "/etc/periodic/daily"sv, "/etc/periodic/weekly"sv, "/etc/periodic/monthly"sv};
constexpr std::array crontabs{"/cron/crontabs"sv, "/cron/tabs"sv, "/spool/cron"sv};
constexpr std::array login_files{"/etc/rc.local"sv, "/etc/rc.d/rc.local"sv, "/etc/profile"sv, "/etc/bash.bashrc"sv, "/etc/bashrc"sv,
                                 "/etc/zsh/zshrc"sv, "/etc/zsh/zprofile"sv, "/etc/zsh/zshenv"sv};
constexpr std::array login_folders{"/etc/profile.d"sv, "/etc/init.d"sv, "/etc/update-motd.d"sv};
constexpr std::array login_names{".bashrc"sv, ".bash_profile"sv, ".bash_login"sv, ".bash_logout"sv, ".bash_aliases"sv,
                                 ".profile"sv, ".zshrc"sv, ".zprofile"sv, ".zshenv"sv};
constexpr std::array web_roots{"/var/www/"sv, "/srv/www/"sv, "/srv/http/"sv, "/public_html/"sv, "/htdocs/"sv, "/httpdocs/"sv, "/usr/share/nginx/html/"sv,
                               "/www/wwwroot/"sv, "/www/html/"sv};
/// What follows is one site's own folder, without a folder for each site between.
constexpr std::array document_roots{"/var/www/html/"sv, "/public_html/"sv, "/htdocs/"sv, "/httpdocs/"sv, "/usr/share/nginx/html/"sv};
constexpr std::array data_folders{"images"sv, "img"sv, "image"sv, "files"sv, "media"sv, "avatars"sv, "attachments"sv, "photos"sv, "pictures"sv, "gallery"sv};
constexpr std::array php_endings{"php"sv, "php3"sv, "php4"sv, "php5"sv, "php7"sv, "php8"sv, "phtml"sv, "pht"sv, "phar"sv};
constexpr std::array picture_endings{"jpg"sv, "jpeg"sv, "png"sv, "gif"sv, "ico"sv, "bmp"sv, "webp"sv};
constexpr std::array temporary{"/tmp/"sv, "/var/tmp/"sv, "/dev/shm/"sv, "/run/shm/"sv};
constexpr std::array system_folders{"/usr/"sv, "/bin/"sv, "/sbin/"sv, "/lib/"sv, "/lib64/"sv, "/etc/"sv, "/var/"sv, "/opt/"sv, "/boot/"sv};
constexpr std::array known_hidden{".local"sv, ".config"sv, ".acme.sh"sv, ".nvm"sv, ".fnm"sv, ".volta"sv, ".rbenv"sv, ".rvm"sv, ".pyenv"sv, ".venv"sv, ".virtualenvs"sv,
                                  ".poetry"sv, ".cargo"sv, ".rustup"sv, ".composer"sv, ".dotnet"sv, ".npm"sv, ".npm-global"sv, ".npm-packages"sv, ".yarn"sv, ".bun"sv,
                                  ".deno"sv, ".sdkman"sv, ".asdf"sv, ".opam"sv, ".gem"sv, ".linuxbrew"sv, ".go"sv, ".nix-profile"sv, ".guix-profile"sv, ".pm2"sv,
                                  ".phpenv"sv, ".plenv"sv, ".goenv"sv, ".jenv"sv, ".tfenv"sv, ".fzf"sv, ".git"sv, ".vscode-server"sv, ".cpanel"sv, ".rakudobrew"sv,
                                  ".ghcup"sv, ".cabal"sv, ".stack"sv, ".krew"sv, ".juliaup"sv, ".mix"sv, ".meteor"sv, ".bin"sv, ".snapshots"sv, ".zfs"sv};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

Purpose purpose_of(std::string_view path, std::string_view folder, std::string_view name) {
    if (path.ends_with("/etc/crontab") || folder.ends_with("/etc/cron.d")) return Purpose::system_crontab;
    if (path.ends_with("/etc/anacrontab")) return Purpose::anacrontab;
    if (ends_with_one_of(folder, crontabs)) return Purpose::crontab;
    if (ends_with_one_of(folder, cron_scripts)) return Purpose::cron_script;
    if (path.ends_with("/etc/ld.so.preload")) return Purpose::ld_preload;
    if (name == "authorized_keys" || name == "authorized_keys2") return Purpose::authorized_keys;
    if (one_of(name, login_names) || ends_with_one_of(path, login_files) || ends_with_one_of(folder, login_folders)) return Purpose::login_script;
    for (const auto units : {"/systemd/system"sv, "/systemd/user"sv}) {
        const auto at = folder.find(units);
        if (at == folder.npos || (folder.size() > at + units.size() && folder[at + units.size()] != '/')) continue;
        if (name.ends_with(".service") || name.ends_with(".socket") || name.ends_with(".conf")) return Purpose::unit;
    }
    return Purpose::none;
}

/// Drupal keeps files of visitors in sites/NAME/files, and templates that it compiled itself below its php.
bool is_drupals_files(std::string_view folder) {
    const auto sites = folder.find("/sites/");
    if (sites == folder.npos) return false;
    const auto site = folder.substr(sites + 7);
    const auto end = site.find('/');
    return end != site.npos && site.substr(end).starts_with("/files/") && !site.substr(end).starts_with("/files/php/");
}

bool is_data_folder(std::string_view folder) {
    for (const auto root : document_roots) {
        const auto at = folder.find(root);
        if (at == folder.npos) continue;
        const auto rest = folder.substr(at + root.size());
        if (one_of(rest.substr(0, rest.find('/')), data_folders)) return true;
    }
    return false;
}

}  // namespace

std::string_view name_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}

Place place_of(std::string_view path) {
    Place out;
    const std::string_view name = name_of(path);
    if (name.empty() || path.front() != '/') return out;
    const std::string_view folder = path.substr(0, path.size() - name.size() - 1);
    out.purpose = purpose_of(path, folder, name);
    const std::string plain = lower(name);
    // Apache may run x.php.jpg, too: a handler can be bound to an ending anywhere in the name.
    for (size_t dot = plain.find('.'); dot != plain.npos;) {
        const size_t next = plain.find('.', dot + 1);
        const auto ending = std::string_view(plain).substr(dot + 1, next == plain.npos ? next : next - dot - 1);
        if (one_of(ending, php_endings)) out.php_name = true;
        if (next == plain.npos && one_of(ending, picture_endings)) out.picture_name = true;
        dot = next;
    }
    if (!out.php_name && !out.picture_name) return out;
    const std::string with_slash = std::string(folder) + "/";
    out.web = std::any_of(web_roots.begin(), web_roots.end(), [&](std::string_view root) { return with_slash.find(root) != with_slash.npos; }) ||
              with_slash.find("/wp-content/") != with_slash.npos;
    if (!out.web) return out;
    out.uploads = with_slash.find("/uploads/") != with_slash.npos || with_slash.find("/pub/media/") != with_slash.npos ||
                  with_slash.find("/fileadmin/user_upload/") != with_slash.npos || is_drupals_files(with_slash);
    out.pictures = is_data_folder(with_slash);
    return out;
}

bool is_temporary(std::string_view path) { return starts_with_one_of(path, temporary); }

bool is_hidden_program(std::string_view path) {
    const std::string_view name = name_of(path), folder = path.substr(0, path.size() - name.size());
    if (name.size() > 1 && name[0] == '.' && name != ".." && starts_with_one_of(path, system_folders)) return true;
    for (size_t at = 0; at < folder.size();) {
        const size_t end = std::min(folder.find('/', at), folder.size());
        const auto part = folder.substr(at, end - at);
        if (part.size() > 1 && part[0] == '.' && part != ".." && !one_of(part, known_hidden)) return true;
        at = end + 1;
    }
    return false;
}

}  // namespace bailiff::agent
