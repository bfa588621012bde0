// SPDX-License-Identifier: Apache-2.0
// Sizes, the system's part, and disks made without root and without mounting anything.
#include "tests/bench/scan/workload.hpp"

#include "agent/process/process.hpp"
#include "tests/bench/scan/signatures.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kib = 1U << 10, mib = 1U << 20, gib = 1U << 30;
constexpr uint64_t seed = 20261120;
/// Another number when what is built changes: kept folders are built again.
constexpr int recipe = 1;

constexpr std::array sizes{
    WorkloadSize{.name = "tiny", .os_files = 180, .os_bytes = 5 * mib, .os_largest = 128 * kib, .tables = 1, .table_bytes = 2 * mib, .giant_table_bytes = 0, .clips = 1,
                 .clip_bytes = mib, .logs = 1, .log_bytes = 256 * kib, .mails = 60, .modules = 20, .pages = 30, .tar_member_bytes = 512 * kib,
                 .engine_largest_file = 5 * mib, .disk_bytes = 160 * mib, .signature_divisor = 100},
    WorkloadSize{.name = "mid", .os_files = 15'401, .os_bytes = 665 * mib, .os_largest = 32 * mib, .tables = 3, .table_bytes = 60 * mib, .giant_table_bytes = 0, .clips = 4,
                 .clip_bytes = 40 * mib, .logs = 4, .log_bytes = 8 * mib, .mails = 3'000, .modules = 400, .pages = 3'080, .tar_member_bytes = 10 * mib,
                 .engine_largest_file = 100 * mib, .disk_bytes = 4 * gib, .signature_divisor = 1},
    WorkloadSize{.name = "main", .os_files = 72'044, .os_bytes = 1'477 * mib, .os_largest = 48 * mib, .tables = 6, .table_bytes = 60 * mib, .giant_table_bytes = 400 * mib, .clips = 10,
                 .clip_bytes = 40 * mib, .logs = 12, .log_bytes = 8 * mib, .mails = 3'000, .modules = 400, .pages = 8'400, .tar_member_bytes = 10 * mib,
                 .engine_largest_file = 100 * mib, .disk_bytes = 8 * gib, .signature_divisor = 1, .source_backup = true}};

/// Where a system's files come from, and which part of the budget each folder may use.
struct Share {
    const char* folder;
    double files, bytes;
};
constexpr Share shares[] = {{"/usr/bin", 0.06, 0.24},         {"/usr/sbin", 0.02, 0.03},     {"/usr/lib/x86_64-linux-gnu", 0.10, 0.40}, {"/usr/lib/aarch64-linux-gnu", 0.10, 0.40},
                            {"/usr/lib/python3", 0.17, 0.06}, {"/usr/share/perl", 0.07, 0.03}, {"/usr/include", 0.22, 0.06},            {"/usr/share/doc", 0.18, 0.07},
                            {"/usr/share/man", 0.12, 0.04},   {"/usr/share/locale", 0.03, 0.05}, {"/usr/lib/python3.11", 0.03, 0.02},   {"/usr/share", 0, 0},
                            {"/usr/lib", 0, 0}};

void say(const std::string& text) { fmt::print(stderr, "bench_scan: {}\n", text); }

/// Copies files of this machine's /usr: in the order of their names, so that one machine always gives the same system.
class SystemCopy {
  public:
    SystemCopy(fs::path to, const WorkloadSize& size) : to_(std::move(to)), size_(size) {}
    void run() {
        for (const Share& share : shares) take(share.folder, uint64_t(double(size_.os_files) * share.files), uint64_t(double(size_.os_bytes) * share.bytes), size_.os_largest);
        // What is left goes to whoever still has files. Small ones: a few giants would use the bytes up before the files.
        for (const Share& share : shares) {
            if (files_ == size_.os_files) return;
            take(share.folder, size_.os_files, size_.os_bytes, std::min(size_.os_largest, std::max(4 * kib, 4 * (size_.os_bytes - bytes_) / (size_.os_files - files_))));
        }
    }

  private:
    void take(const fs::path& folder, uint64_t files, uint64_t bytes, uint64_t largest) {
        std::error_code ignored;
        std::vector<fs::path> all;
        for (fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, ignored), end; entry != end; entry.increment(ignored))
            if (entry->symlink_status(ignored).type() == fs::file_type::regular) all.push_back(entry->path());
        std::sort(all.begin(), all.end());
        for (const auto& file : all) {
            if (files == 0 || files_ == size_.os_files) return;
            const uint64_t size = fs::file_size(file, ignored);
            if (ignored || size == 0 || size > largest || size > bytes || bytes_ + size > size_.os_bytes || !taken_.insert(file).second) continue;
            const fs::path target = to_ / file.relative_path();
            fs::create_directories(target.parent_path());
            if (!fs::copy_file(file, target, ignored)) continue;
            --files, bytes -= size, ++files_, bytes_ += size;
        }
    }

    fs::path to_;
    const WorkloadSize& size_;
    std::set<fs::path> taken_;
    uint64_t files_ = 0, bytes_ = 0;
};

/// A GPT disk: an ESP with one program, and the tree as ext4. No loop device: every tool writes at its partition's offset.
void make_disk(const fs::path& raw, const fs::path& tree, const fs::path& loader, uint64_t disk_bytes) {
    const std::string image = raw.string(), esp = image + "@@" + std::to_string(Workload::esp_start);
    const uint64_t system_bytes = disk_bytes - Workload::system_start - mib;
    std::ofstream(raw).close();
    fs::resize_file(raw, disk_bytes);
    must_run({"sfdisk", "--quiet", image},
             fmt::format("label: gpt\nlabel-id: 0b000000-0000-4000-8000-000000000001\n"
                         "start={}, size={}, type=uefi, uuid=0b000000-0000-4000-8000-000000000002\n"
                         "start={}, size={}, type=linux, uuid=0b000000-0000-4000-8000-000000000003\n",
                         Workload::esp_start / 512, 64 * mib / 512, Workload::system_start / 512, system_bytes / 512));
    must_run({"mkfs.vfat", "-F", "16", "-n", "ESP", "--invariant", "--offset", std::to_string(Workload::esp_start / 512), image, std::to_string(64 * mib / kib)});
    must_run({"mmd", "-i", esp, "::EFI", "::EFI/debian"});
    must_run({"mcopy", "-i", esp, loader.string(), "::EFI/debian/grubx64.efi"});
    const std::string id = "0b000000-0000-4000-8000-000000000004";
    must_run({"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-U", id, "-E", fmt::format("offset={},hash_seed={}", Workload::system_start, id), "-d", tree.string(), image,
              fmt::format("{}k", system_bytes / kib)});
}

void convert(const fs::path& raw, const fs::path& qcow2) { must_run({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.string(), qcow2.string()}); }

/// The other VM: the same system by hard links, so that it costs no room, and its own customer.
void make_other(const Workload& work, const fs::path& system_only, const fs::path& loader) {
    const fs::path tree = work.folder / "other";
    fs::create_directories(tree);
    fs::copy(system_only / "usr", tree / "usr", fs::copy_options::recursive | fs::copy_options::create_hard_links);
    write_customer(tree, *work.size, seed + 1);
    const fs::path raw = work.folder / "other.raw";
    make_disk(raw, tree, loader, work.size->disk_bytes);
    convert(raw, work.other_qcow2());
    fs::remove(raw);
    fs::remove_all(tree);
}

void build(Workload& work) {
    fs::remove_all(work.folder);
    const fs::path esp = work.plain() / "gpt1/EFI/debian", system = work.plain() / "gpt2";
    fs::create_directories(esp);
    fs::create_directories(system);
    say("copies the system's part");
    fs::copy_file("/usr/bin/perl", esp / "grubx64.efi");
    SystemCopy(system, *work.size).run();
    say("writes the customer's data and the signatures");
    write_customer(system, *work.size, seed);
    write_plants(system, *work.size, seed + 2);
    // One file of many members, as customers keep their backups beside what they are of.
    if (work.size->source_backup)
        must_run({"tar", "-C", (system / "usr").string(), "--sort=name", "--format=ustar", "--owner=0", "--group=0", "-czf", (system / "srv/backup/site-backup.tar.gz").string(), "include"});
    work.signatures = write_signatures(work.database(), system / "usr/bin", work.size->signature_divisor, seed);
    write_update(work.updated_database(), work.database(), work.size->signature_divisor, seed + 3);
    say("makes the disks");
    make_disk(work.raw(), system, esp / "grubx64.efi", work.size->disk_bytes);
    convert(work.raw(), work.qcow2());
    make_other(work, system, esp / "grubx64.efi");
    for (const auto& entry : fs::recursive_directory_iterator(work.plain()))
        if (entry.symlink_status().type() == fs::file_type::regular && entry.file_size() > 0) ++work.files, work.bytes += entry.file_size();
}

}  // namespace

const WorkloadSize* workload_size(std::string_view name) {
    const auto* found = std::find_if(sizes.begin(), sizes.end(), [&](const auto& size) { return size.name == name; });
    return found == sizes.end() ? nullptr : found;
}

void must_run(const std::vector<std::string>& argv, const std::string& input) {
    agent::ProcessOptions options;
    options.input = input;
    options.timeout = std::chrono::minutes(30);
    options.environment.push_back("MTOOLS_SKIP_CHECK=1");
    const auto result = agent::Process::run(argv, options);
    if (!result) throw std::runtime_error(result.error().text);
    if (!result->ok()) throw std::runtime_error(argv[0] + ": " + result->describe());
}

Workload build_workload(const fs::path& parent, const WorkloadSize& size) {
    fs::create_directories(parent);
    Workload work{.size = &size, .folder = fs::canonical(parent) / size.name};
    // The stamp is written last: without it, what lies there is half a workload.
    const fs::path stamp = work.folder / "complete.json";
    if (std::ifstream in(stamp); in) {
        const auto facts = nlohmann::json::parse(in, nullptr, false);
        if (facts.is_object() && facts.value("recipe", 0) == recipe) {
            work.files = facts.at("files").get<uint64_t>(), work.bytes = facts.at("bytes").get<uint64_t>(), work.signatures = facts.at("signatures").get<uint64_t>();
            return work;
        }
    }
    build(work);
    std::ofstream(stamp) << nlohmann::json{{"recipe", recipe}, {"files", work.files}, {"bytes", work.bytes}, {"signatures", work.signatures}} << "\n";
    return work;
}

void warm_up(const Workload& work) {
    std::vector<char> buffer(mib);
    const auto read = [&](const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        while (in.read(buffer.data(), std::streamsize(buffer.size()))) {
        }
    };
    for (const auto& image : {work.raw(), work.qcow2()}) read(image);
    for (const auto& entry : fs::recursive_directory_iterator(work.plain()))
        if (entry.symlink_status().type() == fs::file_type::regular) read(entry.path());
}

}  // namespace bailiff::test
