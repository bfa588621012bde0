// SPDX-License-Identifier: Apache-2.0
// What the place of a file says of its purpose: rules of suspicion ask for that first, and most files have none.
#pragma once

#include <string_view>

namespace bailiff::agent {

/// What runs or obeys a file, by its path alone.
enum class Purpose {
    none,
    system_crontab,    ///< lines with a user: /etc/crontab, /etc/cron.d
    crontab,           ///< lines of one user: /var/spool/cron
    anacrontab,
    cron_script,       ///< /etc/cron.daily and the like
    unit,              ///< of systemd, also of users, and drop-ins
    login_script,      ///< run at boot or login: rc.local, profile.d, .bashrc …
    ld_preload,        ///< /etc/ld.so.preload
    authorized_keys,
};

/// Paths count from their end, not from their beginning: /var may be a volume of its own, and a system may lie inside a
/// container, a snapshot or a subvolume.
struct Place {
    Purpose purpose = Purpose::none;
    bool web = false;           ///< below a folder that web servers show
    bool uploads = false;       ///< there, where visitors' files are kept and no program belongs
    bool pictures = false;      ///< directly in a web root, in a folder that is named after data: images, files, media …
    bool php_name = false;      ///< a web server may run it: x.php, x.phtml, x.php.jpg
    bool picture_name = false;  ///< x.jpg, favicon.ico
    /// Whether any rule looks at the content of such a file.
    bool asks_for_content() const { return purpose != Purpose::none || php_name || (web && picture_name); }
};

/// `path` is raw bytes from the root of its volume.
Place place_of(std::string_view path);

/// A folder that every user may write and a reboot empties: /tmp, /var/tmp, /dev/shm.
bool is_temporary(std::string_view path);

/// A path of a command through a hidden folder, or a hidden file among a system's own. What tools of developers keep in
/// hidden folders (.local, .acme.sh, .nvm …) does not count.
bool is_hidden_program(std::string_view path);

/// The part after the last slash.
std::string_view name_of(std::string_view path);

}  // namespace bailiff::agent
