// SPDX-License-Identifier: Apache-2.0
// Boost.Program_options behind one function.
#include "agent/scan/options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <thread>

namespace bailiff::agent {
namespace {

namespace po = boost::program_options;

/// "100M", "2G", "4096": bytes.
std::optional<uint64_t> parse_size(const std::string& text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value == 0) return std::nullopt;
    const std::string unit(end, text.data() + text.size());
    const int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : unit == "T" ? 40 : -1;
    if (shift < 0 || value > (~uint64_t{0} >> 1) >> shift) return std::nullopt;
    return value << shift;
}

/// What goes into an argument of qemu-nbd and into a name of NBD's.
bool is_plain_name(const std::string& text) {
    return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("._:+-@").find(c) != std::string_view::npos;
    });
}

po::options_description visible() {
    po::options_description out("Options");
    out.add_options()
        ("format", po::value<std::string>(), "raw or qcow2; needed for a file that begins with a qcow2 header")
        ("backing", po::value<std::vector<std::string>>(), "the backing file that a qcow2 overlay may have; again for the next one")
        ("backing-format", po::value<std::vector<std::string>>(), "its format, raw or qcow2; once for each --backing")
        ("virtual-size", po::value<std::string>(), "refuse a qcow2 image whose disk has another size (bytes)")
        ("clamd", po::value<std::string>(), "match with ClamAV through clamd's Unix socket")
        ("clamd-max-file-size", po::value<std::string>(),
         "larger files are not given to clamd (default 100M, or 25M when clamd keeps silent about its own limits)")
        ("clamd-wait", po::value<uint64_t>()->default_value(60), "seconds that clamd may take to come back, or to load its signatures (some take 20)")
        ("clamd-database", po::value<std::string>(), "clamd's DatabaseDirectory: proves which signatures it has loaded, which --cache needs of it")
        ("clamd-config", po::value<std::string>(), "its clamd.conf: after an update, contents that --cache knows are matched with the new signatures only, by a clamd of this scan's own")
        ("yara", po::value<std::string>(), "match with the YARA rules (*.yar, *.yara) of this folder")
        ("hash-list", po::value<std::vector<std::string>>(), "a signed list of known-bad or known-good contents; again for the next one")
        ("hash-list-key", po::value<std::vector<std::string>>(), "the public keys (PEM) that sign such lists; again for the next file")
        ("max-file-size", po::value<std::string>()->default_value("100M"), "larger files are reported as not scanned")
        ("max-files", po::value<uint64_t>()->default_value(5'000'000), "entries per volume")
        ("leftovers", "also what no file holds: free blocks, slack, deleted files, swap, gaps between partitions")
        ("file-timeout", po::value<uint64_t>()->default_value(180), "seconds that an engine may take for one file")
        ("cache", po::value<std::string>(), "remember in this file in which contents nothing was found, and match only the others")
        ("cache-size", po::value<std::string>()->default_value("512M"), "how large the cache may grow")
        ("state", po::value<std::string>(), "keep in this file, one for each disk, what the next scan may pass over; needs --cache")
        ("dirty-bitmap", po::value<std::string>(),
         "read only what this dirty bitmap of the qcow2 image or NBD server shows as written since the scan that wrote --state; a bitmap that is missing, "
         "disabled or inconsistent means that everything is read")
        ("since", po::value<std::string>(), "the --mark of the scan from whose moment that bitmap counts (default: from a moment before any scan that named it)")
        ("mark", po::value<std::string>(), "how the moment is called that this image is of, such as a libvirt checkpoint's name")
        ("trust-metadata", "pass over files whose metadata and places are as they were, without a dirty bitmap; whoever is root in the guest can write to a file and set its times back")
        ("streams", po::value<unsigned>(), "files at once with each engine (default: two per core, so that none waits for its next one)")
        ("gentle", "give way to everything else on this host, in computing and on its disks")
        ("read-rate", po::value<uint64_t>(), "read at most so many MiB of the image per second (default: as fast as it goes)")
        ("share", "keep nobody from writing to the image meanwhile, such as a VM that is started; what is read is then worth nothing")
        ("json", "print findings as JSON lines; the last line is the verdict")
        ("progress", "with --json: print a line with files, bytes and, as far as it is known, the percentage every second")
        ("help", "print this")
        ("version", "print the version");
    return out;
}

std::string help() {
    std::ostringstream out;
    out << "Usage: bailiff-scan [options] IMAGE | nbd+unix:///EXPORT?socket=PATH\n"
           "Reads the files of a disk image without mounting it and matches them with ClamAV and YARA.\n\n"
        << visible()
        << "\nExit status: 0 clean, 1 infected, 2 error (no verdict), 3 incomplete (nothing found, but not everything was scanned),\n"
           "4 in use (--share: a VM writes to the image already).\n"
           "In findings, \\xHH stands for a byte of a path that cannot be printed, and \\\\ for a backslash.\n";
    return out.str();
}

}  // namespace

Result<ParsedOptions> parse_options(int argc, const char* const* argv) {
    po::options_description all = visible();
    all.add_options()("image", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("image", -1);
    po::variables_map values;
    try {
        po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(
                      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing).run(), values);
    } catch (const po::error& error) {
        return fail(Errc::invalid, std::string(error.what()) + "; 'bailiff-scan --help' lists the options");
    }
    ParsedOptions out;
    if (values.count("help")) return out.print = help(), out;
    if (values.count("version")) return out.print = "bailiff-scan " BAILIFF_VERSION "\n", out;

    std::string mistakes;
    const auto mistake = [&](const std::string& text) { mistakes += (mistakes.empty() ? "" : "; ") + text; };
    const auto text = [&](const char* name) { return values.count(name) ? values[name].as<std::string>() : std::string(); };
    const auto texts = [&](const char* name) {
        return values.count(name) ? values[name].as<std::vector<std::string>>() : std::vector<std::string>();
    };
    const auto size = [&](const char* name) -> std::optional<uint64_t> {
        if (!values.count(name)) return std::nullopt;
        const auto parsed = parse_size(text(name));
        if (!parsed) mistake("--" + std::string(name) + " must be a number of bytes, or one with K, M, G or T behind it");
        return parsed;
    };
    ScanOptions& o = out.options;
    const auto images = texts("image");
    if (images.size() == 1) o.source.image = images[0];
    else mistake("name exactly one image");
    o.source.format = text("format");
    if (!o.source.format.empty() && o.source.format != "raw" && o.source.format != "qcow2") mistake("--format must be raw or qcow2");
    const auto backing = texts("backing"), formats = texts("backing-format");
    if (backing.size() != formats.size()) mistake("each --backing needs its --backing-format");
    for (size_t i = 0; i < std::min(backing.size(), formats.size()); ++i) {
        if (formats[i] != "raw" && formats[i] != "qcow2") mistake("--backing-format must be raw or qcow2");
        o.source.backing.push_back({backing[i], formats[i]});
    }
    o.source.virtual_size = size("virtual-size");
    o.clamd.socket_path = text("clamd");
    o.clamd.largest_file = size("clamd-max-file-size");
    o.clamd.patience = std::chrono::seconds(std::min<uint64_t>(values["clamd-wait"].as<uint64_t>(), 3600));
    o.clamd.database = text("clamd-database");
    o.clamd.configuration = text("clamd-config");
    o.yara = text("yara");
    o.hash_lists = texts("hash-list");
    o.hash_list_keys = texts("hash-list-key");
    if (!o.hash_lists.empty() && o.hash_list_keys.empty()) mistake("--hash-list needs --hash-list-key: the public key whose owner signs such lists");
    // Lists alone make no scan: what they do not name, nobody would have looked at.
    if (o.clamd.socket_path.empty() && o.yara.empty()) mistake("name an engine: --clamd SOCKET, --yara FOLDER, or both");
    if (const auto most = size("max-file-size")) {
        o.settings.limits.file_size = *most;
        if (*most > uint64_t{2} << 30) mistake("--max-file-size must be at most 2G");
    }
    o.settings.limits.entries = values["max-files"].as<uint64_t>();
    o.settings.limits.leftovers = values.count("leftovers") != 0;
    const uint64_t seconds = values["file-timeout"].as<uint64_t>();
    if (seconds < 1 || seconds > 86'400) mistake("--file-timeout must be from 1 to 86400 seconds");
    o.settings.per_file = std::chrono::seconds(seconds);
    o.settings.lanes = values.count("streams") ? values["streams"].as<unsigned>() : std::clamp(2 * std::thread::hardware_concurrency(), 2U, 64U);
    if (o.settings.lanes < 1 || o.settings.lanes > 64) mistake("--streams must be from 1 to 64");
    o.cache = text("cache");
    if (const auto most = size("cache-size")) {
        o.cache_bytes = *most;
        if (*most < 1U << 20) mistake("--cache-size must be at least 1M");
    }
    o.rescan.state = text("state");
    o.rescan.dirty_bitmap = o.source.dirty_bitmap = text("dirty-bitmap");
    o.rescan.since = text("since");
    o.rescan.mark = text("mark");
    o.rescan.trust_metadata = values.count("trust-metadata") != 0;
    if (!o.rescan.state.empty() && o.cache.empty()) mistake("--state needs --cache, which knows what counts under the present signatures");
    for (const char* name : {"dirty-bitmap", "since", "mark", "trust-metadata"})
        if (values.count(name) && o.rescan.state.empty()) mistake("--" + std::string(name) + " needs --state");
    for (const char* name : {"dirty-bitmap", "since", "mark"})
        if (values.count(name) && !is_plain_name(text(name))) mistake("--" + std::string(name) + " must be 1 to 255 letters, digits, or any of . _ : + - @");
    if (!o.rescan.dirty_bitmap.empty() && o.rescan.trust_metadata) mistake("--dirty-bitmap and --trust-metadata exclude each other");
    if (!o.rescan.since.empty() && o.rescan.dirty_bitmap.empty()) mistake("--since needs --dirty-bitmap");
    if (!o.rescan.dirty_bitmap.empty() && o.source.format != "qcow2" && o.source.image.find("://") == std::string::npos)
        mistake("--dirty-bitmap needs --format qcow2 or an NBD server: a raw file keeps no record of what was written");
    if (values.count("read-rate")) {
        const uint64_t rate = values["read-rate"].as<uint64_t>();
        if (rate < 1 || rate > 100'000) mistake("--read-rate must be from 1 to 100000 MiB per second");
        else o.settings.limits.read_rate = rate << 20;
        // The largest file takes its time, and its reader says nothing meanwhile.
        const auto slowest = std::chrono::seconds(60 + 2 * (o.settings.limits.file_size >> 20) / std::max<uint64_t>(rate, 1));
        o.settings.reader_silence = std::max(o.settings.reader_silence, slowest);
    }
    o.source.share = values.count("share") != 0;
    o.gentle = values.count("gentle") != 0;
    o.progress = values.count("progress") != 0;
    if (o.progress && !values.count("json")) mistake("--progress needs --json: on a terminal progress is shown anyway");
    o.json = values.count("json") != 0;
    if (!mistakes.empty()) return fail(Errc::invalid, mistakes);
    return out;
}

}  // namespace bailiff::agent
