// SPDX-License-Identifier: Apache-2.0
// The two engines' lanes.
#include "agent/scan/engines/lane.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/engines/private_clamd.hpp"
#include "agent/scan/engines/signature_set.hpp"

#include <bailiff/dsse.hpp>

#include <time.h>

namespace bailiff::agent {
namespace {

constexpr uint64_t debian_largest_file = 25U << 20, alerting_largest_file = 100U << 20;
constexpr std::chrono::seconds examination_limit{30};
constexpr size_t largest_configuration = 1 << 20;

class ClamdLane : public Lane {
  public:
    explicit ClamdLane(const ClamdOptions& options) : options_(options) {}
    bool begin(int content, uint64_t) override {
        // A session that stood idle may have been closed; clamd itself may be restarting.
        const timespec nap{0, 100'000'000};
        for (auto left = std::chrono::milliseconds(options_.patience);; left -= std::chrono::milliseconds(100)) {
            if (session_.connected() && session_.ask(content)) return true;
            if (session_.connect(options_.socket_path) && session_.ask(content)) return true;
            session_.disconnect();
            if (left.count() <= 0) return false;
            ::nanosleep(&nap, nullptr);
        }
    }
    int fd() const override { return session_.fd(); }
    LaneStep look() override {
        const auto answer = session_.answer();
        if (!answer) {
            // A clamd that is going down still takes connections for a moment.
            const timespec nap{0, 200'000'000};
            ::nanosleep(&nap, nullptr);
            return {std::nullopt, true};
        }
        if (!*answer) return {};
        EngineAnswer out;
        switch ((*answer)->kind) {
            case ClamdAnswer::Kind::clean: break;
            case ClamdAnswer::Kind::found: out.signatures.push_back((*answer)->text); break;
            case ClamdAnswer::Kind::limit:
                out.not_scanned = SkipReason::limit;
                out.detail = "clamd stopped at its own limit: " + (*answer)->text;
                break;
            case ClamdAnswer::Kind::error:
                out.not_scanned = SkipReason::error;
                out.detail = "clamd answered: " + (*answer)->text;
                // A session is over after an error; the next file gets a new one.
                session_.disconnect();
                break;
        }
        return {std::move(out), false};
    }
    void abandon() override { session_.disconnect(); }

  private:
    const ClamdOptions options_;
    ClamdSession session_;
};

class ClamdEngine : public Engine {
  public:
    ClamdEngine(ClamdOptions options, ClamdFacts facts, std::string proven, std::string directives)
        : options_(std::move(options)), facts_(std::move(facts)), proven_(std::move(proven)), directives_(std::move(directives)) {}
    ScanEngine facts() const override { return {"clamav", facts_.version, facts_.reports_limits, facts_.signatures_at, signature_set()}; }
    std::string signature_set() const override {
        if (proven_.empty()) return "";
        // A clean answer holds as far as the limits under which it was given. The program's version decides what it unpacks.
        return proven_ + " program " + facts_.version.substr(0, facts_.version.find('/')) + (facts_.reports_limits ? " alerting " : " silent ") +
               std::to_string(largest_file()) + directives_;
    }
    bool set_holds() const override {
        const auto now = fingerprint_of(options_.database);
        return now && proven_ == set_name(*now);
    }
    uint64_t largest_file() const override {
        return options_.largest_file.value_or(facts_.reports_limits ? alerting_largest_file : debian_largest_file);
    }
    std::unique_ptr<Lane> new_lane() override { return std::make_unique<ClamdLane>(options_); }

  private:
    ClamdOptions options_;
    ClamdFacts facts_;
    std::string proven_, directives_;
};

class YaraLane : public Lane {
  public:
    explicit YaraLane(YaraRules& rules) : rules_(rules) {}
    bool begin(int content, uint64_t size) override {
        if (worker_ && ask_yara(worker_.fd(), content, size)) return true;
        auto worker = rules_.new_worker();
        if (!worker) return false;
        worker_ = std::move(*worker);
        return ask_yara(worker_.fd(), content, size);
    }
    int fd() const override { return worker_.fd(); }
    LaneStep look() override {
        const auto packet = receive_packet(worker_.fd(), Wait::no);
        if (packet && !*packet) return {};
        auto answer = packet ? parse_yara_answer((*packet)->bytes) : Result<YaraAnswer>(fail(packet.error()));
        if (!answer) {
            // A worker that dies on a file would die on it again: the file is the finding.
            worker_.reset();
            return {EngineAnswer{{}, SkipReason::error, "the YARA worker died on this file"}, false};
        }
        EngineAnswer out{answer->rules, std::nullopt, answer->problem, answer->offsets};
        if (!answer->scanned) out.not_scanned = answer->timed_out ? SkipReason::timeout : SkipReason::error;
        return {std::move(out), false};
    }
    void abandon() override { worker_.reset(); }

  private:
    YaraRules& rules_;
    Descriptor worker_;
};

class YaraEngine : public Engine {
  public:
    explicit YaraEngine(YaraRules rules) : rules_(std::move(rules)) {}
    ScanEngine facts() const override { return {"yara", "sha256:" + rules_.version(), true, {}, signature_set()}; }
    std::string signature_set() const override { return rules_.version().empty() ? "" : "yara " + rules_.version(); }
    uint64_t largest_file() const override { return uint64_t{2} << 30; }
    std::unique_ptr<Lane> new_lane() override { return std::make_unique<YaraLane>(rules_); }

  private:
    YaraRules rules_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_clamd_engine(const ClamdOptions& options, std::string& note) {
    std::string proven;
    if (!options.database.empty()) {
        auto set = prove_signature_set(options.socket_path, options.database, options.patience);
        if (set) proven = std::move(*set);
        else note = "what ClamAV finds clean is not remembered: " + set.error().text;
    }
    // After a reload, so that the version is that of the set.
    auto facts = examine_clamd(options.socket_path, examination_limit);
    if (!facts) return fail(facts.error());
    // What clamd is told to take apart decides what it finds, too.
    std::string directives;
    if (!options.configuration.empty()) {
        const auto configuration = read_file(options.configuration, largest_configuration);
        if (!configuration) return fail(configuration.error().code, configuration.error().text + "; name clamd's clamd.conf with --clamd-config");
        directives = " directives " + sha256_hex(matching_directives(*configuration)).substr(0, 16);
    }
    return std::make_unique<ClamdEngine>(options, std::move(*facts), std::move(proven), std::move(directives));
}

std::unique_ptr<Lane> make_clamd_lane(const ClamdOptions& options) { return std::make_unique<ClamdLane>(options); }

Result<std::unique_ptr<Engine>> make_yara_engine(const std::string& folder, std::chrono::seconds per_file) {
    auto rules = YaraRules::compile(folder, per_file);
    if (!rules) return fail(rules.error());
    return std::make_unique<YaraEngine>(std::move(*rules));
}

}  // namespace bailiff::agent
