// SPDX-License-Identifier: Apache-2.0
// What a scan says in the end: the verdict object, as bailiff-scan prints it and the agent reads it back.
#pragma once

#include <bailiff/message.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// Why a file or a whole volume was not scanned. Each of them makes a scan without hits incomplete.
enum class SkipReason {
    size,           ///< larger than the limit of the scan or of an engine
    limit,          ///< an engine reached its own limit (depth, members, time) inside the file
    timeout,        ///< an engine did not answer in time
    error,          ///< an engine failed on this file
    engine_failed,  ///< an engine died and did not come back; the rest was not scanned
    encrypted,      ///< the content is encrypted and no key is here
    compressed,     ///< stored in a way that the reader cannot unpack (NTFS deduplication, WOF)
    unreadable,     ///< the image or the filesystem is damaged or shorter than it says
    unsupported,    ///< a filesystem or volume manager that this version cannot read
    too_many,       ///< the walk was stopped at its cap of entries, depth or path length
    reader_failed,  ///< the sandboxed reader died; the rest of the image was not read
    cancelled,      ///< somebody ended the scan; the rest was not scanned
};

/// How much of the files was read.
enum class ScanScope {
    full,     ///< every content
    changed,  ///< what has changed since an earlier scan
};

enum class VolumeState {
    read,           ///< walked to its end (single files may still be skipped)
    unreadable,     ///< not read; `reason` says why
    no_filesystem,  ///< swap, nothing but zeros, or the holder of volumes that are listed themselves: no reason to doubt a clean verdict
};

/// Bytes. Names of logical volumes are the longest: volume managers stand inside each other, and each of LVM's names has up to 127.
inline constexpr size_t longest_volume_name = 1200;

struct SkippedItem {
    std::string path;    ///< as `escape_path` writes it; empty when the whole volume is meant
    std::string volume;  ///< "disk", "gpt2", "mbr5", "gpt2/vg0/root"; empty when the whole image is meant
    SkipReason reason = SkipReason::error;
    std::string detail;  ///< a sentence for people; may be empty
    uint64_t size = 0;   ///< bytes, 0 when not known
    friend bool operator==(const SkippedItem&, const SkippedItem&) = default;
};

struct Finding {
    std::string path;  ///< as `escape_path` writes it; "file:stream" for an NTFS stream
    std::string volume;
    std::string signature;
    std::string engine;  ///< "clamav", "yara" or "hashes"
    std::string sha256;  ///< of the content that matched, hex
    uint64_t size = 0;   ///< bytes
    std::optional<uint64_t> offset{};   ///< of the first match in the content; clamd says of none, nor does a YARA rule without strings
    friend bool operator==(const Finding&, const Finding&) = default;
};

/// What makes a file odd, by its place and its content. None of them proves malice: a person should look.
enum class SuspicionRule : uint8_t {
    php_in_uploads,   ///< PHP where a web site keeps what visitors sent
    php_in_picture,   ///< PHP in a file of a web site that is named as a picture
    web_shell,        ///< PHP of the shapes that web shells have
    cron_download,    ///< a cron entry that downloads or unpacks something and runs it unseen
    cron_place,       ///< a cron entry that runs from a temporary or hidden folder
    unit_download,    ///< a systemd unit, likewise
    unit_place,
    login_download,   ///< a script of boot or login, likewise
    login_place,
    ld_preload,       ///< /etc/ld.so.preload is not empty
    authorized_key,   ///< keys of an account without login, or with a command that downloads
    setuid_place,     ///< a set-user-ID program in a temporary or home folder
};

struct SuspiciousFile {
    std::string path;  ///< as `escape_path` writes it
    std::string volume;
    SuspicionRule rule = SuspicionRule::web_shell;
    std::string reason;  ///< a sentence for people with what was seen, escaped like a path
    std::string sha256;  ///< of the content, hex
    uint64_t size = 0;   ///< bytes
    friend bool operator==(const SuspiciousFile&, const SuspiciousFile&) = default;
};

struct ScanEngine {
    std::string name;
    std::string version;         ///< clamd's VERSION answer, the SHA-256 of the YARA rules, or a hash list's name and version
    bool reports_limits = true;  ///< false: files over the engine's own limits pass silently (see README)
    Instant signatures_at{};     ///< when its signatures were made; 0 = it does not say (local files have no date)
    std::string set;             ///< names exactly what was loaded; "" when that was not proven
    friend bool operator==(const ScanEngine&, const ScanEngine&) = default;
};

struct ScannedVolume {
    std::string name;
    std::string filesystem;        ///< "ext4", "ntfs", "fat", "exfat", "swap", "xfs" …; "" when not recognised
    uint64_t start = 0, size = 0;  ///< bytes within the image, or within the logical volume or array that the name begins with
    VolumeState state = VolumeState::unreadable;
    std::string reason;  ///< why it was not read; "" when it was
    std::vector<std::string> notes;
    uint64_t files = 0, bytes = 0;
    friend bool operator==(const ScannedVolume&, const ScannedVolume&) = default;
};

/// The last line of bailiff-scan's output. `clean` is said only when every file of every volume was matched by every
/// engine (exit status 0); `infected` when anything was found (1); `incomplete` when nothing was found, but not
/// everything was scanned (3).
struct Verdict {
    ScanVerdict verdict = ScanVerdict::incomplete;
    uint64_t files = 0, bytes = 0;  ///< read, and matched or known
    uint64_t known = 0;             ///< of the files: that every engine with the same signatures had found nothing in before
    uint64_t unchanged = 0;         ///< of the known and known good ones: that were not read, since a dirty bitmap or metadata say that they are as they were
    ScanScope read = ScanScope::full;  ///< `changed` when any file was passed over as unchanged; such a verdict gives no VM back
    uint64_t known_good = 0;        ///< of the files: that a list of good contents names, and no list of bad ones; not matched
    std::vector<SkippedItem> skipped;
    uint64_t skipped_total = 0;  ///< `skipped` lists at most `most_listed` of them
    std::vector<Finding> hits;
    uint64_t hits_total = 0;
    std::vector<SuspiciousFile> suspicious;  ///< at most `most_suspicious_listed`; the verdict's word knows nothing of them
    uint64_t suspicious_total = 0;
    std::vector<ScanEngine> engines;
    std::vector<ScannedVolume> volumes;
    uint64_t duration_ms = 0;
    friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// Lists in a verdict end here, so that a hostile disk cannot make a verdict of a gigabyte.
inline constexpr size_t most_listed = 10'000;
/// Suspicions are for people, who read no thousand of them.
inline constexpr size_t most_suspicious_listed = 1'000;

/// One line of JSON, without its newline.
std::string verdict_json(const Verdict& verdict);
std::string hit_json(const Finding& hit);
std::string skipped_json(const SkippedItem& item);
std::string suspicious_json(const SuspiciousFile& file);

/// How far a scan is, by an estimate of what its volumes hold.
struct ScanProgress {
    uint64_t files = 0, bytes = 0;  ///< looked at so far
    uint64_t hits = 0;
    uint64_t total_bytes = 0;  ///< that the volumes say they use; 0 = not known (yet)
    /// Below 100 until the scan is over; nothing when the total is not known.
    std::optional<unsigned> percent() const;
};
std::string progress_json(const ScanProgress& progress);
/// The percentage in a line of `progress_json`; nothing for every other line.
std::optional<unsigned> scan_percent(std::string_view line);
/// Bytes; a longer line tells no progress.
inline constexpr size_t longest_progress_line = 1024;

/// Reads the verdict from its own line or from bailiff-scan's whole output (then its last line). Strict: an unknown
/// word, a missing field, or counts that contradict the verdict are errors, since a person's VM depends on it.
Result<Verdict> parse_verdict(std::string_view output);

}  // namespace bailiff::agent

namespace bailiff {

template <>
struct Names<agent::SkipReason> {
    using E = agent::SkipReason;
    static constexpr std::string_view what = "reason for not scanning";
    static constexpr std::array table{
        std::pair{E::size, std::string_view("size")},
        std::pair{E::limit, std::string_view("limit")},
        std::pair{E::timeout, std::string_view("timeout")},
        std::pair{E::error, std::string_view("error")},
        std::pair{E::engine_failed, std::string_view("engine_failed")},
        std::pair{E::encrypted, std::string_view("encrypted")},
        std::pair{E::compressed, std::string_view("compressed")},
        std::pair{E::unreadable, std::string_view("unreadable")},
        std::pair{E::unsupported, std::string_view("unsupported")},
        std::pair{E::too_many, std::string_view("too_many")},
        std::pair{E::reader_failed, std::string_view("reader_failed")},
        std::pair{E::cancelled, std::string_view("cancelled")}};
};
template <>
struct Names<agent::ScanScope> {
    using E = agent::ScanScope;
    static constexpr std::string_view what = "scope of reading";
    static constexpr std::array table{std::pair{E::full, std::string_view("full")}, std::pair{E::changed, std::string_view("changed")}};
};
template <>
struct Names<agent::SuspicionRule> {
    using E = agent::SuspicionRule;
    static constexpr std::string_view what = "rule of suspicion";
    static constexpr std::array table{
        std::pair{E::php_in_uploads, std::string_view("php_in_uploads")},
        std::pair{E::php_in_picture, std::string_view("php_in_picture")},
        std::pair{E::web_shell, std::string_view("web_shell")},
        std::pair{E::cron_download, std::string_view("cron_download")},
        std::pair{E::cron_place, std::string_view("cron_place")},
        std::pair{E::unit_download, std::string_view("unit_download")},
        std::pair{E::unit_place, std::string_view("unit_place")},
        std::pair{E::login_download, std::string_view("login_download")},
        std::pair{E::login_place, std::string_view("login_place")},
        std::pair{E::ld_preload, std::string_view("ld_preload")},
        std::pair{E::authorized_key, std::string_view("authorized_key")},
        std::pair{E::setuid_place, std::string_view("setuid_place")}};
};
template <>
struct Names<agent::VolumeState> {
    using E = agent::VolumeState;
    static constexpr std::string_view what = "volume state";
    static constexpr std::array table{std::pair{E::read, std::string_view("read")},
                                      std::pair{E::unreadable, std::string_view("unreadable")},
                                      std::pair{E::no_filesystem, std::string_view("no_filesystem")}};
};

}  // namespace bailiff
