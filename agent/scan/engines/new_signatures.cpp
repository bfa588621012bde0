// SPDX-License-Identifier: Apache-2.0
// Which set is older, what is new, and an engine that has it.
#include "agent/scan/engines/new_signatures.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/scan/engines/private_clamd.hpp"
#include "agent/scan/engines/signature_delta.hpp"
#include "agent/scan/engines/signature_set.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

namespace bailiff::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_snapshots = 3, largest_configuration = 1 << 20;
/// An update of more than a quarter is better matched as a whole; few contents are not worth the start of a clamd.
constexpr uint64_t most_new_share = 4, always_worth = 10'000, fewest_contents = 500;

class NewSignaturesEngine : public Engine {
  public:
    NewSignaturesEngine(std::unique_ptr<PrivateClamd> clamd, ClamdOptions options, const Engine& whole)
        : clamd_(std::move(clamd)), options_(std::move(options)), facts_(whole.facts()), largest_(whole.largest_file()) {}
    ScanEngine facts() const override { return facts_; }
    std::string signature_set() const override { return ""; }
    uint64_t largest_file() const override { return largest_; }
    std::unique_ptr<Lane> new_lane() override { return std::make_unique<WatchedLane>(*clamd_, make_clamd_lane(options_)); }

  private:
    /// What clamd prints is taken in between two files.
    class WatchedLane : public Lane {
      public:
        WatchedLane(PrivateClamd& clamd, std::unique_ptr<Lane> lane) : clamd_(clamd), lane_(std::move(lane)) {}
        bool begin(int content, uint64_t size) override { return clamd_.running() && lane_->begin(content, size); }
        int fd() const override { return lane_->fd(); }
        LaneStep look() override { return lane_->look(); }
        void abandon() override { lane_->abandon(); }

      private:
        PrivateClamd& clamd_;
        std::unique_ptr<Lane> lane_;
    };

    std::unique_ptr<PrivateClamd> clamd_;
    ClamdOptions options_;
    ScanEngine facts_;
    uint64_t largest_;
};

/// "clamd FINGERPRINT program … limits": the middle word, and the rest that must be the same.
std::pair<std::string, std::string> parts_of(const std::string& set) {
    const size_t begin = set_name("").size(), end = set.find(' ', begin);
    if (!set.starts_with(set_name("")) || end == set.npos) return {};
    return {set.substr(begin, end - begin), set.substr(end)};
}

void keep_newest(const std::string& folder) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) found.emplace_back(at->last_write_time(error), at->path());
    std::sort(found.rbegin(), found.rend());
    for (size_t i = most_snapshots; i < found.size(); ++i) fs::remove(found[i].second, error);
}

/// A snapshot that was taken while the folder changed speaks of no set.
Result<void> keep(const SignatureSnapshot& now, const std::string& database, const std::string& fingerprint, const std::string& folder) {
    const auto still = fingerprint_of(database);
    if (!still || *still != fingerprint) return fail(Errc::unavailable, "the signatures changed while they were read");
    if (auto saved = save_snapshot(now, folder + fingerprint); !saved) return saved;
    keep_newest(folder);
    return {};
}

}  // namespace

Result<std::optional<NewSignatures>> find_new_signatures(const ClamdOptions& options, const std::string& cache_file, unsigned streams, const Engine& clamd, VerdictCache& cache) {
    const auto parts = parts_of(clamd.signature_set());
    const std::string &fingerprint = parts.first, &rest = parts.second;
    if (fingerprint.empty() || options.configuration.empty()) return std::optional<NewSignatures>();
    const std::string folder = cache_file + ".sets/";
    if (auto made = make_folder_of_mode(folder, 0700); !made) return fail(made.error());

    const auto sets = cache.sets();
    const auto older = std::find_if(sets.begin(), sets.end(), [&](const auto& set) {
        const auto [its, others] = parts_of(set.name);
        return !its.empty() && its != fingerprint && others == rest && ::access((folder + its).c_str(), R_OK) == 0;
    });
    const bool worth = older != sets.end() && cache.has_contents(older->number, fewest_contents);
    if (!worth) {
        if (::access((folder + fingerprint).c_str(), R_OK) == 0) return std::optional<NewSignatures>();
        const auto now = take_snapshot(options.database);
        if (!now) return fail(now.error());
        if (auto kept = keep(*now, options.database, fingerprint, folder); !kept) return fail(kept.error());
        return std::optional<NewSignatures>();
    }
    const auto before = load_snapshot(folder + parts_of(older->name).first);
    if (!before) return fail(before.error());
    const auto configuration = read_file(options.configuration, largest_configuration);
    if (!configuration) return fail(configuration.error());
    SignatureDelta delta;
    const auto fill = [&](const std::string& into) -> Result<void> {
        auto written = write_delta(options.database, *before, std::max<uint64_t>(before->matching.size() / most_new_share, always_worth), into);
        if (!written) return fail(written.error());
        delta = std::move(*written);
        if (auto kept = keep(delta.now, options.database, fingerprint, folder); !kept) return kept;
        return delta.lines > 0 ? Result<void>{} : fail(Errc::not_found, "nothing is new");
    };
    auto own = PrivateClamd::start(*configuration, streams, fill, options.patience);
    NewSignatures out;
    out.older = older->number;
    out.count = delta.lines;
    if (own) {
        ClamdOptions private_options;
        private_options.socket_path = (*own)->socket_path();
        private_options.patience = std::chrono::seconds(0);
        out.engine = std::make_unique<NewSignaturesEngine>(std::move(*own), private_options, clamd);
    } else if (delta.lines > 0 || own.error().code != Errc::not_found) {
        return fail(own.error());
    }
    return std::optional(std::move(out));
}

}  // namespace bailiff::agent
