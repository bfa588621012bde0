// SPDX-License-Identifier: Apache-2.0
// The manifest as JSON.
#include "agent/evidence/manifest.hpp"

#include <limits>

namespace bailiff::agent {
namespace {

constexpr std::string_view version = "bailiff-evidence/1";
constexpr int64_t most = std::numeric_limits<int64_t>::max();

/// A file of the set, never a path: a manifest must not make us read something else.
std::string file_name(JsonReader& read, const char* field) {
    std::string name = read.text(field, 255);
    if (name.find('/') != std::string::npos || name.starts_with('.')) read.mistake(field, "is no file name");
    return name;
}

}  // namespace

std::string format_manifest(const Manifest& manifest) {
    Json disks = Json::array(), files = Json::array();
    for (const FrozenDisk& disk : manifest.disks)
        disks.push_back({{"target", disk.target},
                         {"source", disk.source},
                         {"format", disk.format},
                         {"stored", disk.stored},
                         {"stored_format", disk.stored_format},
                         {"method", disk.method},
                         {"virtual_bytes", disk.virtual_bytes},
                         {"guest_sha256", disk.guest_sha256},
                         {"source_device", disk.source_device},
                         {"source_inode", disk.source_inode}});
    for (const ManifestFile& file : manifest.files)
        files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
    Json calls = Json::array();
    for (const StepTime& call : manifest.begun.parts)
        calls.push_back({{"step", call.step}, {"ms", call.milliseconds}});
    Json json{{"version", version},
                    {"id", manifest.id.text()},
                    {"vm", manifest.vm.text()},
                    {"case", manifest.case_id.text()},
                    {"taken_at", format_rfc3339(manifest.taken_at)},
                    {"disks", disks},
                    {"files", files},
                    {"consistency", name(manifest.begun.consistency)}};
    if (manifest.begun.consistency != Consistency::at_rest) {
        json["paused"] = manifest.begun.paused;
        json["note"] = manifest.begun.note;
        json["calls"] = calls;
    }
    if (manifest.memory)
        json["memory"] = {{"file", manifest.memory->file}, {"format", manifest.memory->format}};
    return dump_json(json, 2) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
    const auto json = parse_json(text, JsonLimits{size_t{16} << 20, 8});
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    Manifest out;
    if (read.text("version", 64) != version) read.mistake("version", "must be " + std::string(version));
    out.id = EvidenceId(read.text("id", 128));
    out.vm = VmId(read.text("vm", 36));
    out.case_id = CaseId(read.text("case", 64));
    out.taken_at = read.instant("taken_at");
    read.each("disks", true, 256, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        FrozenDisk disk;
        disk.target = one.text("target", 64);
        disk.source = one.text("source", 4096);
        disk.format = one.text("format", 64);
        disk.stored = file_name(one, "stored");
        disk.stored_format = one.text("stored_format", 64);
        disk.method = one.text("method", 64);
        disk.virtual_bytes = one.integer("virtual_bytes", 0, most);
        disk.guest_sha256 = one.text("guest_sha256", 64);
        disk.source_device = one.integer("source_device", 0, most);
        disk.source_inode = one.integer("source_inode", 0, most);
        one.finish();
        out.disks.push_back(std::move(disk));
    });
    read.each("files", true, 1024, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        out.files.push_back({file_name(one, "name"), one.integer("bytes", 0, most), one.text("sha256", 64)});
        one.finish();
    });
    // Sets of the first version were all taken at rest, and do not say so.
    out.begun.consistency = read.word("consistency", Consistency::at_rest, false);
    out.begun.paused = read.boolean("paused", false);
    out.begun.note = read.optional_text("note");
    read.each("calls", false, 64, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        out.begun.parts.push_back({one.text("step", 64), one.integer("ms", 0, most)});
        one.finish();
    });
    if (auto memory = read.object("memory", false)) {
        out.memory = MemoryDump{file_name(*memory, "file"), memory->text("format", 64)};
        memory->finish();
    }
    read.finish();
    if (!mistakes.empty()) return fail(Errc::invalid, "The manifest is damaged: " + describe(mistakes));
    return out;
}

}  // namespace bailiff::agent
