// SPDX-License-Identifier: Apache-2.0
// The disks that are scanned: a system from this machine's own /usr, a customer's data made from a seed, and plants.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::test {

/// How big a workload is. `mid` is the one that goals are measured with, `main` shows whether they hold on more, `tiny`
/// only that everything works. Counts are of files; all sizes in bytes.
struct WorkloadSize {
    std::string_view name;
    uint64_t os_files, os_bytes, os_largest;  ///< at most; what /usr does not have is not made up
    int tables;
    uint64_t table_bytes, giant_table_bytes;  ///< 0: no giant table
    int clips;
    uint64_t clip_bytes;
    int logs;
    uint64_t log_bytes;
    int mails, modules, pages;
    uint64_t tar_member_bytes;     ///< of thirteen; the tar as a whole is above the engine's limit
    uint64_t engine_largest_file;  ///< clamd's MaxFileSize
    uint64_t disk_bytes;
    unsigned signature_divisor;    ///< this part of the full signature database
    bool source_backup = false;    ///< a .tar.gz of the system's headers among the customer's backups
};

/// tiny, mid or main; nullptr for another name.
const WorkloadSize* workload_size(std::string_view name);

/// Something that a scan must find, or must name as not scanned.
struct Plant {
    std::string name;
    std::string path;       ///< bytes, from the root of the system's volume
    bool nameable = false;  ///< above an engine's limit: it counts when it is named as not scanned
    bool delta = false;     ///< only signatures of the update know it: nobody can find it before
};
/// In the order P1 to P6.
std::vector<Plant> plants();

/// One customer's data under `root`: the same seed writes the same bytes.
void write_customer(const std::filesystem::path& root, const WorkloadSize& size, uint64_t seed);
/// The plants, and the archives around two of them.
void write_plants(const std::filesystem::path& root, const WorkloadSize& size, uint64_t seed);
/// What only the update's signatures find (P6).
std::string late_marker();

/// A built workload in its folder. Both VMs have the same system and different customers; only the first has plants.
struct Workload {
    const WorkloadSize* size = nullptr;
    std::filesystem::path folder;
    uint64_t files = 0, bytes = 0;  ///< of the first VM: files that are not empty
    uint64_t signatures = 0;

    static constexpr uint64_t esp_start = 1U << 20, system_start = 65U << 20;
    /// The first VM's files as the host sees them: gpt1 (the ESP) and gpt2 (the system), named as bailiff-scan names volumes.
    std::filesystem::path plain() const { return folder / "plain"; }
    std::filesystem::path raw() const { return folder / "disk.raw"; }
    std::filesystem::path qcow2() const { return folder / "disk.qcow2"; }
    std::filesystem::path other_qcow2() const { return folder / "other.qcow2"; }
    std::filesystem::path database() const { return folder / "db"; }
    std::filesystem::path updated_database() const { return folder / "db-updated"; }
};

/// Builds what is not there yet under `parent`/<size>, in minutes for mid. Throws when a tool fails or is not installed.
Workload build_workload(const std::filesystem::path& parent, const WorkloadSize& size);

/// Reads everything once, so that the page cache is warm for all.
void warm_up(const Workload& workload);

/// Runs a tool that must succeed; throws with its words.
void must_run(const std::vector<std::string>& argv, const std::string& input = "");

}  // namespace bailiff::test
