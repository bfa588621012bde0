// SPDX-License-Identifier: Apache-2.0
// See set_check.hpp.
#include "agent/evidence/set_check.hpp"

#include "agent/evidence/host_key.hpp"
#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <limits>
#include <map>

namespace bailiff::agent {
namespace {

constexpr std::string_view index_version = "bailiff-removed/1";

tl::unexpected<Error> wrong(const std::string& text) { return fail(Errc::invalid, text); }

/// What was signed, once the signature is good: its fields as they stand there.
Result<Json> opened(const std::string& path, std::string_view type, const TrustedKeys& keys) {
    const auto text = read_file(path, 65536);
    if (!text) return fail(text.error());
    const auto envelope = open_envelope(*text, keys);
    if (!envelope) {
        switch (envelope.error()) {
            case EnvelopeFault::too_large:
            case EnvelopeFault::malformed: return wrong("The signature " + path + " cannot be read: it was edited or is damaged.");
            case EnvelopeFault::unknown_key: return wrong("The signature " + path + " is of a key that is not trusted here; name the host's key.");
            case EnvelopeFault::bad_signature: return wrong("The signature " + path + " does not fit what it signs: it was edited.");
        }
    }
    if (envelope->type != type) return wrong("The signature " + path + " is one over something else.");
    return parse_json(envelope->payload);
}

/// One listed file: there, of this size and hash, a plain file that nobody may write.
Result<void> check_file(const std::string& folder, const ManifestFile& file) {
    const std::string path = folder + "/" + file.name;
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return wrong("The file " + file.name + " is missing from " + folder + ".");
    if (!S_ISREG(found.st_mode)) return wrong("The file " + file.name + " in " + folder + " is no plain file any more.");
    if (found.st_size != file.bytes)
        return wrong("The file " + file.name + " in " + folder + " was changed: it has " + std::to_string(found.st_size) + " bytes, not " +
                     std::to_string(file.bytes) + ".");
    const auto hash = sha256_of_file(path);
    if (!hash) return wrong("The file " + file.name + " in " + folder + " cannot be read: " + hash.error().text);
    if (*hash != file.sha256) return wrong("The file " + file.name + " in " + folder + " was changed: its SHA-256 is another.");
    if (found.st_mode & 0222) return wrong("The file " + file.name + " in " + folder + " may be written; it was stored read-only.");
    return {};
}

Result<void> check_files(const std::string& folder, const std::vector<ManifestFile>& files, const std::set<std::string>& besides) {
    std::set<std::string> known = besides;
    for (const ManifestFile& file : files) {
        known.insert(file.name);
        if (auto checked = check_file(folder, file); !checked) return checked;
    }
    for (const std::string& name : names_in(folder))
        if (!known.contains(name)) return wrong("The file " + name + " lies in " + folder + " and no list names it.");
    return {};
}

Result<std::pair<std::string, std::vector<ManifestFile>>> read_index(std::string_view text) {
    const auto json = parse_json(text, JsonLimits{manifest_cap_bytes, 8});
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    std::pair<std::string, std::vector<ManifestFile>> out;
    if (read.text("version", 64) != index_version) read.mistake("version", "must be " + std::string(index_version));
    out.first = read.text("set", 128);
    read.each("files", true, 100'000, [&](const Json& item, const std::string& at) {
        JsonReader one(item, mistakes, at);
        ManifestFile file{one.text("name", 255), one.integer("bytes", 0, std::numeric_limits<int64_t>::max()), one.text("sha256", 64)};
        if (file.name.find('/') != std::string::npos || file.name.starts_with('.')) one.mistake("name", "is no file name");
        one.finish();
        out.second.push_back(std::move(file));
    });
    read.finish();
    if (!mistakes.empty()) return wrong("The index of removed files is damaged: " + describe(mistakes));
    return out;
}

Result<void> check_removed(const std::string& set_folder, const EvidenceId& id, const CheckOptions& options) {
    const std::string folder = set_folder + "/removed";
    const auto names = names_in(folder);
    if (names.empty()) return {};   // never cleaned, or about to be
    const auto text = read_file(folder + "/index.json", manifest_cap_bytes);
    if (!text) return wrong("What cleaning moved away has lost its index: " + text.error().text);
    const auto index = read_index(*text);
    if (!index) return fail(index.error());
    if (index->first != id.text()) return wrong("The index in " + folder + " is of another set.");
    if (!options.keys.empty()) {
        const auto statement = opened(folder + "/index.dsse", removed_payload_type, options.keys);
        if (!statement && (options.must_be_signed || statement.error().code != Errc::not_found))
            return wrong("The index of removed files is not signed: " + statement.error().text);
        if (statement && (statement->value("set", "") != id.text() || statement->value("index_sha256", "") != sha256_of(*text)))
            return wrong("The index in " + folder + " is not the one that was signed: it was edited.");
    }
    return check_files(folder, index->second, {"index.json", "index.dsse"});
}

}  // namespace

std::string sign_manifest(const SignatureKey& key, const Manifest& manifest, std::string_view text, const std::string& host) {
    // A statement about the manifest and not the manifest itself: an envelope stays small however many files there are.
    const Json statement{{"set", manifest.id.text()}, {"vm", manifest.vm.text()}, {"case", manifest.case_id.text()},
                         {"taken_at", format_rfc3339(manifest.taken_at)}, {"host", host}, {"manifest_sha256", sha256_of(text)}};
    return seal(key, evidence_payload_type, dump_json(statement));
}

Result<void> index_removed_files(const std::string& set_folder, const EvidenceId& id, const std::optional<SignatureKey>& key) {
    const std::string folder = set_folder + "/removed";
    Json files = Json::array();
    for (const std::string& name : names_in(folder)) {
        if (name == "index.json" || name == "index.dsse" || name.ends_with(".part")) continue;
        const std::string path = folder + "/" + name;
        struct stat found {};
        if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
        const auto hash = sha256_of_file(path);
        if (!hash) return fail(hash.error());
        files.push_back({{"name", name}, {"bytes", int64_t(found.st_size)}, {"sha256", *hash}});
    }
    const std::string text = dump_json(Json{{"version", index_version}, {"set", id.text()}, {"files", files}}, 2) + "\n";
    if (auto written = write_durably(folder + "/index.json", text, 0400); !written) return written;
    if (!key) return {};
    const Json statement{{"set", id.text()}, {"index_sha256", sha256_of(text)}};
    return write_durably(folder + "/index.dsse", seal(*key, removed_payload_type, dump_json(statement)), 0400);
}

Result<void> check_set(const std::string& folder, const CheckOptions& options) {
    const auto text = read_file(folder + "/manifest.json", manifest_cap_bytes);
    if (!text) return wrong("The evidence set " + folder + " has lost its manifest: " + text.error().text);
    const auto manifest = parse_manifest(*text);
    if (!manifest) return fail(manifest.error());
    if (!options.keys.empty()) {
        const auto statement = opened(folder + "/manifest.dsse", evidence_payload_type, options.keys);
        if (!statement && (options.must_be_signed || statement.error().code != Errc::not_found))
            return wrong("The manifest is not signed: " + statement.error().text);
        if (statement && statement->value("manifest_sha256", "") != sha256_of(*text))
            return wrong("The manifest of " + folder + " is not the one that was signed: it was edited.");
    }
    if (folder.substr(folder.rfind('/') + 1) != manifest->id.text())
        return wrong("The folder " + folder + " holds the set " + manifest->id.text() + ": it was renamed or exchanged.");
    if (auto checked = check_files(folder, manifest->files, {"manifest.json", "manifest.dsse", "removed"}); !checked) return checked;
    if (!options.removed) return {};
    return check_removed(folder, manifest->id, options);
}

}  // namespace bailiff::agent
