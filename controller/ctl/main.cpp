// SPDX-License-Identifier: Apache-2.0
// bailiffctl: what staff and admins do from a terminal. commands.cpp lists the commands.
#include "controller/ctl/commands.hpp"

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
    try {
        return bailiff::dispatch(bailiff::all_commands(), std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
    } catch (const std::exception& e) {
        std::cerr << "bailiffctl: " << e.what() << "\n";
        return bailiff::exit_refused;
    }
}
