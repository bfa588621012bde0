// SPDX-License-Identifier: Apache-2.0
// bailiffctl: what staff and admins do from a terminal. The table below is the list of commands.
#include "controller/ctl/command.hpp"
#include "controller/ctl/offline_deadline.hpp"
#include "controller/ctl/offline_policy.hpp"

#include <exception>
#include <iostream>

namespace {

constexpr bailiff::Command commands[] = {
    {"deadline", "when a span of working time or a policy's steps are due, and why", bailiff::deadline_command},
    {"policy check", "what is wrong with policy and calendar files", bailiff::policy_check_command},
};

}  // namespace

int main(int argc, char** argv) {
    try {
        return bailiff::dispatch(commands, std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
    } catch (const std::exception& e) {
        std::cerr << "bailiffctl: " << e.what() << "\n";
        return bailiff::exit_refused;
    }
}
