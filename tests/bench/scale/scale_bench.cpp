// SPDX-License-Identifier: Apache-2.0
// A full controller: how long every list and search takes, and a tick in which thousands of deadlines are due.
//
// The database is filled by another process, so that the memory shown is that of the work and not of the filling.
#include "tests/bench/scale/full_office.hpp"

#include <bailiff/json.hpp>
#include <bailiff/system_clock.hpp>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace bailiff::test {
namespace {

constexpr double list_goal_ms = 100, tick_goal_s = 2, memory_goal_mb = 512;
constexpr int repeats = 20;

double milliseconds_of(const std::function<void()>& work) {
    timespec before{}, after{};
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    work();
    ::clock_gettime(CLOCK_MONOTONIC, &after);
    return double(after.tv_sec - before.tv_sec) * 1e3 + double(after.tv_nsec - before.tv_nsec) / 1e6;
}

double peak_mb() {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    return double(use.ru_maxrss) / 1024;
}

/// Every list and search of the API, with the filters that its pages offer.
std::vector<std::string> questions(const Scale& scale) {
    const int64_t some = (scale.cases - scale.open / 2) * 10;
    const std::string customer = std::to_string(some / FullOffice::vms_per_customer);
    return {"/api/v1/cases", "/api/v1/cases?open=true", "/api/v1/cases?phase=open", "/api/v1/cases?phase=closed", "/api/v1/cases?phase=review",
            "/api/v1/cases?customer=" + customer, "/api/v1/cases?open=true&customer=" + customer, "/api/v1/cases?vm=" + FullOffice::vm(some).text(),
            "/api/v1/cases?cursor=C-" + std::to_string(scale.cases / 2), "/api/v1/cases?limit=200",
            "/api/v1/cases/C-" + std::to_string(scale.cases - 1), "/api/v1/cases/C-" + std::to_string(scale.cases - 1) + "/history",
            "/api/v1/calls", "/api/v1/calls?limit=200", "/api/v1/reports", "/api/v1/reports?triage=true",
            "/api/v1/vms", "/api/v1/vms?host=h7", "/api/v1/vms?address=" + FullOffice::address(some), "/api/v1/vms?name=vm" + std::to_string(some),
            "/api/v1/vms?cursor=" + FullOffice::vm(scale.vms / 2).text(), "/api/v1/vms/" + FullOffice::vm(some).text(),
            "/api/v1/addresses/" + FullOffice::address(some), "/api/v1/addresses/" + FullOffice::address(some) + "?at=2026-01-15T12:00:00Z",
            "/api/v1/addresses/172.16.0.3?at=2026-03-01T12:00:00Z", "/api/v1/addresses/198.51.100.1",
            "/api/v1/customers", "/api/v1/customers/" + customer, "/api/v1/hosts", "/api/v1/orders", "/api/v1/jobs", "/metrics"};
}

bool ask_all(FullOffice& office, const std::vector<std::string>& asked) {
    bool met = true;
    fmt::print("{:<64} {:>10} {:>10} {:>8}\n", "", "median ms", "worst ms", "items");
    for (const auto& question : asked) {
        std::vector<double> took;
        FullOffice::Got got;
        for (int i = 0; i < repeats; ++i) took.push_back(milliseconds_of([&] { got = office.get(question); }));
        std::sort(took.begin(), took.end());
        const auto body = parse_json(got.body);
        const std::string items = body && body->is_object() && body->contains("items") ? std::to_string(body->at("items").size()) : "";
        const bool good = got.status == 200 && took.back() <= list_goal_ms;
        met = met && good;
        fmt::print("{:<64} {:>10.2f} {:>10.2f} {:>8}{}\n", question, took[repeats / 2], took.back(), items,
                   got.status != 200 ? fmt::format("  status {}", got.status) : good ? "" : "  MISSED");
    }
    return met;
}

bool take_what_is_due(FullOffice& office) {
    const auto first = office.storage().next_deadline();
    if (!first) throw std::runtime_error("no case has a deadline");
    office.clock.set(*first);
    std::vector<double> ticks;
    size_t taken = 0;
    for (size_t now = 1; now > 0;) {
        ticks.push_back(milliseconds_of([&] { now = office.tick(); }));
        taken += now;
    }
    double all = 0;
    for (const double one : ticks) all += one;
    const bool met = all <= tick_goal_s * 1e3;
    fmt::print("\n{} due deadlines in {} ticks: {:.0f} ms, the longest tick {:.0f} ms{}\n", taken, ticks.size(), all, *std::max_element(ticks.begin(), ticks.end()),
               met ? "" : "  MISSED");
    return met;
}

int run(const std::filesystem::path& folder, const Scale& scale) {
    if (!std::filesystem::exists(folder / "bailiff.db")) {
        std::filesystem::create_directories(folder);
        const auto took = milliseconds_of([&] {
            const pid_t child = ::fork();
            if (child == 0) {
                try {
                    FullOffice(folder).fill(scale);
                } catch (const std::exception& error) {
                    fmt::print(stderr, "bench_scale: {}\n", error.what());
                    ::_exit(1);
                }
                ::_exit(0);
            }
            int status = 0;
            ::waitpid(child, &status, 0);
            if (status != 0) throw std::runtime_error("the database could not be filled");
        });
        fmt::print("filled in {:.0f} s\n", took / 1000);
    }
    FullOffice office(folder);
    office.clock.advance(Seconds(2 * 3600));
    bool met = ask_all(office, questions(scale));
    met = take_what_is_due(office) && met;
    // Now thousands of customers are to be phoned.
    met = ask_all(office, {"/api/v1/calls", "/api/v1/calls?limit=200", "/api/v1/cases?open=true", "/metrics"}) && met;
    const double memory = peak_mb();
    met = met && memory <= memory_goal_mb;
    fmt::print("peak memory {:.0f} MB{}\n", memory, memory <= memory_goal_mb ? "" : "  MISSED");
    fmt::print("goals: a list {:.0f} ms at the worst, the tick {:.0f} s, memory {:.0f} MB: {}\n", list_goal_ms, tick_goal_s, memory_goal_mb, met ? "met" : "not all met");
    return met ? 0 : 1;
}

}  // namespace
}  // namespace bailiff::test

/// bench_scale FOLDER [VMS CASES OPEN DUE]: the folder's database is filled when it is not there.
int main(int argc, char** argv) {
    spdlog::set_level(spdlog::level::off);
    bailiff::test::Scale scale;
    if (argc == 6) scale = {std::atoll(argv[2]), std::atoll(argv[3]), std::atoll(argv[4]), std::atoll(argv[5])};
    else if (argc != 2 || argv[1][0] == '-') {
        fmt::print(stderr, "usage: bench_scale FOLDER [VMS CASES OPEN DUE]\n");
        return 2;
    }
    try {
        return bailiff::test::run(argv[1], scale);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_scale: {}\n", error.what());
        return 2;
    }
}
