// SPDX-License-Identifier: Apache-2.0
// simulate --seed 42 --days 90 --hosts 5: plays one world and says whether all invariants held.

#include "tests/simulation/invariants.hpp"

#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <iostream>
#include <spdlog/spdlog.h>

int main(int argc, char** argv) {
    using namespace bailiff::test;
    namespace po = boost::program_options;
    spdlog::set_level(spdlog::level::off);
    Plan plan;
    plan.days = 30;
    plan.policies = BAILIFF_SOURCE_DIR "/policies";
    bool calm = false;
    int64_t tail = 20;
    po::options_description options("simulate: a whole provider in one deterministic world");
    options.add_options()("help", "this text")("seed", po::value(&plan.seed)->default_value(plan.seed), "everything follows from it")
        ("days", po::value(&plan.days)->default_value(plan.days), "of the world")("hosts", po::value(&plan.hosts)->default_value(plan.hosts), "hypervisor hosts")
        ("vms", po::value(&plan.vms_per_host)->default_value(plan.vms_per_host), "VMs on each host")("calm", po::bool_switch(&calm), "no faults, only people and time")
        ("tail", po::value(&tail)->default_value(tail), "lines of the story to print")("policies", po::value(&plan.policies)->default_value(plan.policies), "folder of policies");
    try {
        po::variables_map values;
        po::store(po::parse_command_line(argc, argv, options), values);
        po::notify(values);
        if (values.count("help")) return std::cout << options, 0;
    } catch (const po::error& e) {
        std::cerr << "simulate: " << e.what() << "; --help lists the options\n";
        return 2;
    }
    plan.faults = !calm;
    SimWorld world(plan);
    world.play();
    const auto& story = world.story();
    for (size_t i = story.size() > size_t(tail) ? story.size() - size_t(tail) : 0; i < story.size(); ++i) std::cout << story[i] << "\n";
    bool held = true;
    for (const auto& invariant : invariants())
        for (const auto& broken : invariant.check(world)) {
            held = false;
            std::cout << "BROKEN: " << invariant.promise << "\n    " << broken << "\n";
        }
    std::cout << "seed " << plan.seed << ", " << plan.days << " days, " << plan.hosts << " hosts: " << world.summary() << "\n"
              << (held ? "all invariants held\n" : "invariants broke\n");
    return held ? 0 : 1;
}
