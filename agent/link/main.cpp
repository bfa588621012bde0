// SPDX-License-Identifier: Apache-2.0
// bailiff-link: the unprivileged half of a host's agent, which speaks to the network so that the privileged half need not.
#include "agent/link/enrol.hpp"
#include "agent/link/link.hpp"
#include "agent/link/options.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <csignal>
#include <cstdio>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/stat.h>

int main(int argc, char** argv) {
    using namespace bailiff;
    umask(022);  // files state their own modes; the folders that enrolment makes are for others to enter
    prctl(PR_SET_DUMPABLE, 0);  // the key stays out of core files
    std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_default_logger(spdlog::stderr_logger_mt("link"));
    spdlog::set_pattern("%l %v");  // journald adds the time
    const auto command = agent::read_command(argc, argv);
    if (!command) {
        std::fprintf(stderr, "bailiff-link: %s\n", command.error().text.c_str());
        return 2;
    }
    const SystemClock clock;
    SystemRandom random;
    switch (command->kind) {
        case agent::LinkCommand::Kind::print: std::fputs(command->text.c_str(), stdout); return 0;
        case agent::LinkCommand::Kind::run: return agent::run_link(command->run, clock, random);
        case agent::LinkCommand::Kind::enrol: break;
    }
    const auto host = agent::enrol(command->enrol, clock);
    if (!host) {
        std::fprintf(stderr, "bailiff-link: %s\n", host.error().text.c_str());
        return 1;
    }
    std::printf("enrolled as %s; the controller's order key is %s/controllers/%s.pub\n", host->c_str(), command->enrol.dir.c_str(), command->enrol.name.c_str());
    return 0;
}
