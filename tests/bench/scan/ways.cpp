// SPDX-License-Identifier: Apache-2.0
// Starts scanners and takes their time.
#include "tests/bench/scan/ways.hpp"

#include "agent/process/process.hpp"
#include "tests/bench/agent/paired.hpp"
#include "tests/bench/scan/memory_watch.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

const std::string program = BAILIFF_BIN_DIR "/bailiff-scan";

agent::ProcessOptions process_options() {
    agent::ProcessOptions options;
    options.timeout = std::chrono::hours(3);
    options.output_cap_bytes = size_t{64} << 20;
    options.die_with_parent = true;
    // Peers may be installed elsewhere than in a system's folders.
    const char* path = std::getenv("PATH");
    options.environment = {std::string("PATH=") + (path ? path : "") + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "LIBGUESTFS_BACKEND=direct", "HOME=/"};
    if (const char* settings = std::getenv("LIBGUESTFS_BACKEND_SETTINGS")) options.environment.push_back(std::string("LIBGUESTFS_BACKEND_SETTINGS=") + settings);
    return options;
}

struct Timed {
    agent::ProcessResult result;
    double seconds = 0;
    uint64_t peak_bytes = 0;
};

/// One process from start to end. Ends with an exit code that is not in `good` are errors.
Timed timed(const std::vector<std::string>& argv, const std::set<int>& good, bool watch = false) {
    agent::ProcessOptions options = process_options();
    const auto patience = options.timeout;
    const auto begin = SteadyClock::now();
    auto process = agent::Process::start(argv, std::move(options));
    if (!process) throw std::runtime_error(process.error().text);
    std::unique_ptr<MemoryWatch> memory;
    if (watch) memory = std::make_unique<MemoryWatch>(process->pid());
    Timed out{process->wait(patience), 0, 0};
    out.seconds = milliseconds_since(begin) / 1000;
    if (memory) out.peak_bytes = memory->peak_bytes();
    if (out.result.timed_out || out.result.truncated || !good.contains(out.result.exit_code)) throw std::runtime_error(argv[0] + ": " + out.result.describe());
    return out;
}

std::string configuration(const fs::path& database, const WorkloadSize& size, unsigned lanes) {
    // The folder of this database overrides the fixture's. No clean cache: with it, clamd would be measured against what it
    // has just seen, which no disk of another customer would be.
    return "DatabaseDirectory " + database.string() + "\nMaxThreads " + std::to_string(lanes) +
           "\nDisableCache yes\nAlertExceedsMax yes\nMaxDirectoryRecursion 200\nMaxFileSize " + std::to_string(size.engine_largest_file) + "\n";
}

std::vector<fs::path> regular_files(const fs::path& folder) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.symlink_status().type() == fs::file_type::regular) out.push_back(entry.path());
    return out;
}

/// The tools that a guest's work is done with.
std::string absent_for_changes(std::string why) {
    for (const char* tool : {"/usr/sbin/debugfs", "/usr/bin/qemu-io"})
        if (why.empty() && ::access(tool, X_OK) != 0) why = std::string("not installed: ") + tool;
    return why;
}

bool said_of(const Run& run, const std::string& path) {
    return std::any_of(run.all.begin(), run.all.end(), [&](const std::string& line) { return line.find(" " + path + " ") != line.npos; });
}

}  // namespace

Ways::Ways(const Workload& workload, unsigned lanes) : work_(workload), lanes_(lanes), help_(timed({program, "--help"}, {0}).result.out) {}

WarmClamd& Ways::clamd() {
    if (!clamd_) clamd_ = std::make_unique<WarmClamd>(configuration(work_.database(), *work_.size, lanes_));
    return *clamd_;
}
WarmClamd& Ways::updated_clamd() {
    if (!updated_clamd_) updated_clamd_ = std::make_unique<WarmClamd>(configuration(work_.updated_database(), *work_.size, lanes_));
    return *updated_clamd_;
}

/// An empty folder for one run.
fs::path Ways::scratch(const std::string& name) const {
    const fs::path out = work_.folder / "scratch" / name;
    fs::remove_all(out);
    fs::create_directories(out);
    return out;
}

/// The whole word: "--cache" is not named by "--cache-size".
std::string Ways::not_built(const std::string& option) const {
    for (size_t at = help_.find(option); at != help_.npos; at = help_.find(option, at + 1)) {
        const char next = at + option.size() < help_.size() ? help_[at + option.size()] : ' ';
        if (next == ' ' || next == '\n' || next == '=' || next == ',') return "";
    }
    return "not built: bailiff-scan --help does not name " + option;
}

Run Ways::scan(const std::vector<std::string>& arguments, const fs::path& image) {
    std::vector<std::string> argv{program, "--json", "--streams", std::to_string(lanes_), "--format", image.extension() == ".raw" ? "raw" : "qcow2"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.push_back(image.string());
    const Timed timed_run = timed(argv, {0, 1, 3}, true);
    Run out{timed_run.seconds, {}, {}, timed_run.peak_bytes, ""};
    out.seens = seen_by_bailiff(timed_run.result.out, out.all);
    return out;
}

std::vector<std::string> Ways::proven_engine(bool updated) {
    std::vector<std::string> out{"--clamd", (updated ? updated_clamd() : clamd()).socket_path()};
    if (!names("--clamd-database")) return out;
    out.insert(out.end(), {"--clamd-database", (updated ? work_.updated_database() : work_.database()).string()});
    if (names("--clamd-config")) out.insert(out.end(), {"--clamd-config", (updated ? updated_clamd() : clamd()).configuration_file()});
    if (proven_.insert(updated).second) {
        // The first scan after a change of the database has clamd load it once more: that is the update's time, not a scan's.
        const fs::path blank = scratch("blank") / "blank.raw";
        std::ofstream(blank).close();
        fs::resize_file(blank, 1U << 20);
        auto arguments = out;
        arguments.insert(arguments.end(), {"--cache", (blank.parent_path() / "verdicts.db").string()});
        scan(arguments, blank);
    }
    return out;
}

Run Ways::cached_scan(const fs::path& filled_by, bool updated) {
    const std::string cache = cache_of(filled_by);
    auto arguments = proven_engine(updated);
    arguments.insert(arguments.end(), {"--cache", cache});
    return scan(arguments, work_.qcow2());
}

std::string Ways::cache_of(const fs::path& image) {
    const fs::path master = work_.folder / "caches" / image.stem(), copy = scratch("cache");
    if (filled_.insert(image).second) {
        // What an earlier benchmark left may be of an earlier bailiff-scan.
        fs::remove_all(master);
        fs::create_directories(master);
        auto arguments = proven_engine(false);
        arguments.insert(arguments.end(), {"--cache", (master / "verdicts.db").string()});
        const Run run = scan(arguments, image);
        if (image == work_.qcow2()) fill_seconds_ = run.seconds;
    }
    // A journal of SQLite's belongs to its database, and so do the snapshots of signatures beside it.
    fs::copy(master, copy, fs::copy_options::recursive);
    return (copy / "verdicts.db").string();
}

Run Ways::changed_blocks() {
    const fs::path folder = work_.folder / "changed";
    auto arguments = proven_engine(false);
    const auto with = [&](const fs::path& memory) {
        auto out = arguments;
        out.insert(out.end(), {"--cache", (memory / "verdicts.db").string(), "--state", (memory / "state").string(), "--dirty-bitmap", ChangedDisk::bitmap});
        return out;
    };
    if (!changed_) {
        fs::remove_all(folder);
        fs::create_directories(folder / "memory");
        auto disk = std::make_unique<ChangedDisk>(work_, folder);
        disk->begin();
        // Everything but the plant is in this disk's cache already; what counts is the state that this scan leaves.
        const fs::path cache = cache_of(work_.qcow2());
        fs::copy(cache.parent_path(), folder / "memory", fs::copy_options::recursive);
        const Run first = scan(with(folder / "memory"), disk->image());
        if (!said_of(first, ChangedDisk::old_plant)) throw std::runtime_error("the plant that is to go was not found in the first place");
        disk->work();
        changed_ = std::move(disk);
    }
    const fs::path memory = scratch("memory");
    fs::copy(folder / "memory", memory, fs::copy_options::recursive);
    ::sync();
    Run run = scan(with(memory), changed_->image());
    for (const auto& path : ChangedDisk::must_not_find())
        if (said_of(run, path)) throw std::runtime_error(path + " was removed and is still found");
    for (const auto& path : changed_->must_find())
        if (!said_of(run, path)) throw std::runtime_error(path + " was written since and is not found");
    // The rest must be what the cold scan of the disk without these says.
    for (const auto& path : changed_->must_find()) std::erase_if(run.all, [&](const std::string& line) { return line.find(" " + path + " ") != line.npos; });
    return run;
}

Run Ways::clamdscan(const fs::path& what, const fs::path& system_root) {
    const Timed run = timed({"clamdscan", "--config-file=" + clamd().configuration_file(), "--fdpass", "--multiscan", "--no-summary", "--infected", what.string()}, {0, 1, 2});
    return {run.seconds, seen_by_clamdscan(run.result.out, system_root), {}, 0, run.result.exit_code == 2 ? "clamdscan could not read everything" : ""};
}

/// The floor of everybody who looks at all bytes: SHA-256 of every file of the plain folder, by as many threads as lanes.
Run Ways::plain_hash() const {
    const auto begin = SteadyClock::now();
    const auto files = regular_files(work_.plain());
    std::atomic<size_t> next = 0;
    const auto lane = [&] {
        std::vector<char> buffer(size_t{1} << 20);
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        for (size_t i; (i = next++) < files.size();) {
            std::ifstream in;
            in.rdbuf()->pubsetbuf(nullptr, 0);
            in.open(files[i], std::ios::binary);
            EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
            while (in.read(buffer.data(), std::streamsize(buffer.size())), in.gcount() > 0) EVP_DigestUpdate(digest.get(), buffer.data(), size_t(in.gcount()));
            unsigned char out[EVP_MAX_MD_SIZE];
            EVP_DigestFinal_ex(digest.get(), out, nullptr);
        }
    };
    {
        std::vector<std::jthread> lanes;
        for (unsigned i = 0; i < lanes_; ++i) lanes.emplace_back(lane);
    }
    return {milliseconds_since(begin) / 1000, {}, {}, 0, ""};
}

std::vector<Way> Ways::own_ways() {
    const std::string no_cache = not_built("--cache");
    std::vector<Way> out;
    out.push_back({"cold", "bailiff-scan, no cache", "", true, false, [this] { return scan({"--clamd", clamd().socket_path()}, work_.qcow2()); }});
    out.push_back({"cold_raw", "the same from a raw image", "", true, false, [this] { return scan({"--clamd", clamd().socket_path()}, work_.raw()); }});
    out.push_back({"second_vm", "bailiff-scan, cache of another VM of this system", no_cache, true, false, [this] { return cached_scan(work_.other_qcow2(), false); }});
    out.push_back({"rescan", "bailiff-scan, this disk's cache", no_cache, true, false, [this] { return cached_scan(work_.qcow2(), false); }});
    out.push_back({"changed", "dirty bitmap, less than 1 % changed", absent_for_changes(not_built("--dirty-bitmap")), true, false, [this] { return changed_blocks(); }});
    out.push_back({"updated", "this disk's cache, new signatures", no_cache, true, true, [this] { return cached_scan(work_.qcow2(), true); }});
    out.push_back({"read_hash", "bailiff-scan, reads and hashes only", not_built("--hash-only"), false, false, [this] {
                       Run run = scan({"--hash-only"}, work_.qcow2());
                       run.seens.clear(), run.all.clear();
                       return run;
                   }});
    // The same reader with an engine that does nothing; contents are not hashed, but travel to another process.
    out.push_back({"read_only", "bailiff-scan, one YARA rule that never matches", "", false, false, [this] {
                       const fs::path rules = scratch("rules");
                       std::ofstream(rules / "never.yar") << "rule never { condition: false }\n";
                       Run run = scan({"--yara", rules.string()}, work_.qcow2());
                       run.seens.clear(), run.all.clear();
                       return run;
                   }});
    out.push_back({"plain_hash", "SHA-256 of every file of the plain folder", "", false, false, [this] { return plain_hash(); }});
    return out;
}

std::vector<Way> Ways::list(Peers peers) {
    std::vector<Way> out{{"limit", "clamdscan --fdpass --multiscan of a plain folder", "", false, false,
                          [this] { return clamdscan(work_.plain(), work_.plain() / "gpt2"); }}};
    const auto add = [&](std::vector<Way> more) { out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end())); };
    add(own_ways());
    add(peer_ways(peers));
    return out;
}

// --- peers ---

std::vector<Way> Ways::peer_ways(Peers peers) {
    if (peers == Peers::none) return {};
    const auto absent = [](const std::string& tool, const std::string& package) -> std::string {
        const auto there = agent::Process::run({tool, "-V"}, process_options());
        return there ? "" : "not installed: " + package;
    };
    std::vector<Way> out;
    out.push_back({"tsk_recover", "tsk_recover to a folder, clamdscan", absent("tsk_recover", "sleuthkit"), false, false, [this] { return tsk_recover(); }});
    out.push_back({"fuse2fs", "fuse2fs, clamdscan", absent("fuse2fs", "fuse2fs"), false, false, [this] { return fuse2fs(); }});
    if (peers != Peers::all) return out;
    const std::string guestfs = absent("guestmount", "libguestfs-tools");
    out.push_back({"guestmount", "guestmount, clamdscan", guestfs, false, false, [this] {
                       return mounted({"guestmount", "--ro", "--format=qcow2", "-a", work_.qcow2().string(), "-m", "/dev/sda2"}, {"guestunmount"});
                   }});
    out.push_back({"tar_out", "guestfish tar-out, clamdscan of the tar", guestfs, false, false, [this] { return tar_out(); }});
    return out;
}

Run Ways::tsk_recover() {
    const fs::path out = scratch("recovered");
    double seconds = 0;
    for (const auto& [volume, start] : {std::pair{"gpt1", Workload::esp_start}, std::pair{"gpt2", Workload::system_start}})
        seconds += timed({"tsk_recover", "-a", "-i", "raw", "-o", std::to_string(start / 512), work_.raw().string(), (out / volume).string()}, {0}).seconds;
    Run run = clamdscan(out, out / "gpt2");
    run.seconds += seconds;
    fs::remove_all(out);
    return run;
}

/// Only the system's volume, in the peer's favour. What holds the mount may go on for a moment after `unmount`.
Run Ways::mounted(const std::vector<std::string>& mount, const std::vector<std::string>& unmount) {
    const fs::path at = scratch("mount");
    std::vector<std::string> begin = mount, end = unmount;
    begin.push_back(at.string()), end.push_back(at.string());
    const double mounting = timed(begin, {0}).seconds;
    try {
        Run run = clamdscan(at, at);
        run.seconds += mounting + timed(end, {0}).seconds;
        return run;
    } catch (...) {
        // Left mounted, the next benchmark would clear its scratch folder through it.
        (void)agent::Process::run(end, process_options());
        throw;
    }
}

Run Ways::fuse2fs() {
    // It cannot be told where in a disk the filesystem begins: it gets a copy, made outside its time.
    const fs::path part = work_.folder / "system.ext4";
    if (!fs::exists(part))
        must_run({"dd", "if=" + work_.raw().string(), "of=" + part.string(), "bs=1M", "skip=" + std::to_string(Workload::system_start >> 20), "conv=sparse", "status=none"});
    return mounted({"fuse2fs", "-o", "ro,fakeroot", part.string()}, {"fusermount", "-u"});
}

/// `virt-tar-out DISK / - | clamdscan -` in two steps.
Run Ways::tar_out() {
    const fs::path tar = scratch("tar") / "disk.tar";
    const double seconds = timed({"guestfish", "--ro", "--format=qcow2", "-a", work_.qcow2().string(), "-m", "/dev/sda2", "tar-out", "/", tar.string()}, {0}).seconds;
    Run run = clamdscan(tar, tar);
    run.seconds += seconds;
    fs::remove(tar);
    return run;
}

}  // namespace bailiff::test
