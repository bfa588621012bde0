// SPDX-License-Identifier: Apache-2.0
// See change_record.hpp.
#include "agent/scan/clean/change_record.hpp"

#include "agent/files/durable_file.hpp"

#include <bailiff/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr unsigned most_runs = 9999;

tl::unexpected<Error> unwritten(const std::string& path) {
    return fail(Errc::unavailable, "the record of changes '" + path + "' cannot be written: " + std::strerror(errno));
}

}  // namespace

Result<ChangeRecord> ChangeRecord::create(const std::string& folder, const SourceSpec& overlay, Instant now) {
    for (unsigned number = 1; number <= most_runs; ++number) {
        char name[32];
        std::snprintf(name, sizeof name, "/changes-%04u.jsonl", number);
        const std::string path = folder + name;
        Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
        if (!file && errno == EEXIST) continue;
        if (!file) return unwritten(path);
        ChangeRecord out(std::move(file), path);
        Json backing = Json::array();
        for (const auto& one : overlay.backing) backing.push_back(one.path);
        const auto written = out.write({{"record", "bailiff-changes/1"}, {"at", format_rfc3339(now)}, {"image", overlay.image}, {"format", overlay.format},
                                        {"backing", backing}}, true);
        if (!written) return fail(written.error());
        if (const auto synced = sync_path(folder); !synced) return fail(synced.error());
        return out;
    }
    return fail(Errc::unavailable, "the folder '" + folder + "' has the records of " + std::to_string(most_runs) + " runs; name a fresh one");
}

Result<void> ChangeRecord::write(const Json& line, bool durable) {
    const std::string text = dump_json(line) + "\n";
    for (size_t at = 0; at < text.size();) {
        const ssize_t put = ::write(file_.fd(), text.data() + at, text.size() - at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return unwritten(path_);
        at += static_cast<size_t>(put);
    }
    if (durable && ::fdatasync(file_.fd()) != 0) return unwritten(path_);
    return {};
}

Result<void> ChangeRecord::begin(const Change& change) {
    Json line = to_json(change.facts);
    const CleanRecord& record = change.record;
    line.update({{"step", "begin"}, {"n", ++count_}, {"path", record.path}, {"volume", record.volume}, {"sha256", record.sha256}, {"size", record.size},
                 {"found", change.found}, {"will", change.will}, {"kept", record.kept.substr(record.kept.rfind('/') + 1)}});
    if (!record.replaced_by.empty()) line.update({{"replaced_by", record.replaced_by}, {"known_good", record.known_good}});
    return write(line, true);
}

Result<void> ChangeRecord::end(const CleanRecord& record) {
    Json line{{"step", "end"}, {"n", count_}, {"action", name(record.action)}};
    if (!record.reason.empty()) line["reason"] = record.reason;
    return write(line, false);
}

Result<void> ChangeRecord::note(const CleanRecord& record) {
    Json line = clean_record(record);
    line["step"] = "note";
    return write(line, false);
}

Result<void> ChangeRecord::finish(const CleanSummary& summary) {
    Json line = clean_summary(summary);
    line["step"] = "finish";
    return write(line, true);
}

}  // namespace bailiff::agent
