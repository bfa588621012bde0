// SPDX-License-Identifier: Apache-2.0
#include "agent/link/options.hpp"

#include <bailiff/id.hpp>

#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

namespace bailiff::agent {
namespace po = boost::program_options;
namespace {

constexpr const char* default_config = "/etc/bailiff/link.conf";

struct Raw {
    int64_t back_off_first = 1'000, back_off_most = 60'000, prefer = 600'000, patience = 20'000;
};

po::options_description run_options(LinkOptions& o, Raw& raw) {
    po::options_description out("Options of the file and of flags");
    out.add_options()
        ("controller", po::value(&o.controllers)->composing(), "a controller's gateway, https://HOST:PORT; several in order of preference")
        ("dir", po::value(&o.dir)->default_value(o.dir), "folder with ca.crt and link/identity.pem, filled by `bailiff-link enrol`")
        ("agent-socket", po::value(&o.agent_socket)->default_value(o.agent_socket), "Unix socket of bailiff-agent")
        ("back-off-first-ms", po::value(&raw.back_off_first)->default_value(raw.back_off_first), "pause after the first failure")
        ("back-off-most-ms", po::value(&raw.back_off_most)->default_value(raw.back_off_most), "longest pause")
        ("prefer-first-after-ms", po::value(&raw.prefer)->default_value(raw.prefer), "how often to look whether the preferred controller is back")
        ("agent-patience-ms", po::value(&raw.patience)->default_value(raw.patience), "how long to wait for the agent's socket");
    return out;
}

Result<LinkCommand> read_enrol(int argc, const char* const* argv) {
    LinkCommand out;
    out.kind = LinkCommand::Kind::enrol;
    EnrolOptions& o = out.enrol;
    po::options_description known("bailiff-link enrol: makes a key on this host and has it certified");
    known.add_options()
        ("help", "this text")
        ("controller", po::value(&o.controller)->required(), "https://HOST:PORT of the gateway")
        ("token", po::value(&o.token)->required(), "one-time token from the abuse desk; - reads it from standard input, where no process list shows it")
        ("ca-sha256", po::value(&o.ca_sha256)->required(), "SHA-256 of the controller's CA, given with the token")
        ("dir", po::value(&o.dir)->default_value(o.dir), "where to store what comes back")
        ("name", po::value(&o.name), "name of the controller's order key in DIR/controllers; its host name by default")
        ("owner", po::value(&o.owner)->default_value(o.owner), "owner of DIR/link, when root enrols and the user exists");
    po::variables_map values;
    po::store(po::command_line_parser(argc - 1, argv + 1).options(known).style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing).run(), values);
    if (values.count("help")) {
        std::ostringstream text;
        text << known;
        out.kind = LinkCommand::Kind::print;
        out.text = text.str();
        return out;
    }
    po::notify(values);
    if (o.token == "-") std::getline(std::cin, o.token);
    std::string mistakes;
    const auto address = parse_controller(o.controller);
    if (!address) mistakes += address.error().text + " ";
    for (char& c : o.ca_sha256) c = c >= 'A' && c <= 'F' ? char(c + 32) : c;
    std::erase(o.ca_sha256, ':');
    if (!is_hex(o.ca_sha256, 64)) mistakes += "--ca-sha256 takes 64 hex digits. ";
    if (o.token.empty()) mistakes += "The token is empty. ";
    if (address && o.name.empty()) o.name = is_name(address->host) ? address->host : "controller";
    if (!o.name.empty() && !is_name(o.name)) mistakes += "--name takes 1 to 64 of A-Z a-z 0-9 . _ - ";
    if (!mistakes.empty()) return fail(Errc::invalid, mistakes);
    return out;
}

Result<LinkCommand> read_run(int argc, const char* const* argv) {
    LinkCommand out;
    LinkOptions& o = out.run;
    Raw raw;
    std::string config = default_config;
    po::options_description general("Flags only");
    general.add_options()("help", "this text")("version", "the version")("print-config", "print what would be used, as a file")
        ("config", po::value(&config)->default_value(config), "options file");
    const po::options_description shared = run_options(o, raw);
    po::options_description all("bailiff-link: relays frames between bailiff-agent and its controllers\n"
                                "       bailiff-link enrol --help: certify this host");
    all.add(general).add(shared);
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(all).positional({}).style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing).run(), values);
    std::ostringstream text;
    if (values.count("help")) text << all;
    if (values.count("version")) text << "bailiff-link " BAILIFF_VERSION "\n";
    if (!text.str().empty()) {
        out.kind = LinkCommand::Kind::print;
        out.text = text.str();
        return out;
    }
    std::ifstream file(values["config"].as<std::string>());
    if (!file && !values["config"].defaulted()) return fail(Errc::invalid, "The options file " + values["config"].as<std::string>() + " cannot be read.");
    if (file) po::store(po::parse_config_file(file, shared), values);
    po::notify(values);

    std::string mistakes;
    if (o.controllers.empty()) mistakes += "No controller is named; add `controller = https://HOST:8443` to the file or enrol this host. ";
    for (const auto& url : o.controllers)
        if (auto address = parse_controller(url); !address) mistakes += address.error().text + " ";
    if (raw.back_off_first < 1 || raw.back_off_most < raw.back_off_first) mistakes += "back-off-first-ms is at least 1 and back-off-most-ms not less than it. ";
    if (raw.prefer < 100 || raw.patience < 100) mistakes += "prefer-first-after-ms and agent-patience-ms are at least 100. ";
    if (o.agent_socket.empty() || o.agent_socket.size() > 107) mistakes += "agent-socket is a path of 1 to 107 bytes. ";
    if (!mistakes.empty()) return fail(Errc::invalid, mistakes);
    using std::chrono::milliseconds;
    o.back_off_first = milliseconds(raw.back_off_first);
    o.back_off_most = milliseconds(raw.back_off_most);
    o.prefer_first_after = milliseconds(raw.prefer);
    o.agent_patience = milliseconds(raw.patience);
    if (values.count("print-config")) {
        for (const auto& url : o.controllers) text << "controller = " << url << "\n";
        text << "dir = " << o.dir << "\nagent-socket = " << o.agent_socket << "\nback-off-first-ms = " << raw.back_off_first
             << "\nback-off-most-ms = " << raw.back_off_most << "\nprefer-first-after-ms = " << raw.prefer << "\nagent-patience-ms = " << raw.patience << "\n";
        out.kind = LinkCommand::Kind::print;
        out.text = text.str();
    }
    return out;
}

}  // namespace

Result<ControllerAddress> parse_controller(const std::string& url) {
    const auto bad = [&] { return fail(Errc::invalid, "'" + url + "' is no controller; write https://HOST:PORT."); };
    static const std::string scheme = "https://";
    if (!url.starts_with(scheme)) return bad();
    std::string rest = url.substr(scheme.size());
    if (!rest.empty() && rest.back() == '/') rest.pop_back();
    if (rest.empty() || rest.find_first_of("/?#@ ") != std::string::npos) return bad();
    ControllerAddress out;
    std::string port;
    if (rest.front() == '[') {
        const size_t end = rest.find(']');
        if (end == std::string::npos) return bad();
        out.host = rest.substr(1, end - 1);
        if (end + 1 < rest.size()) {
            if (rest[end + 1] != ':') return bad();
            port = rest.substr(end + 2);
        }
    } else {
        const size_t colon = rest.find(':');
        out.host = rest.substr(0, colon);
        if (colon != std::string::npos) port = rest.substr(colon + 1);
        if (colon != std::string::npos && port.empty()) return bad();
    }
    if (out.host.empty()) return bad();
    if (!port.empty()) {
        if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return bad();
        const int number = std::stoi(port);
        if (number < 1 || number > 65535) return bad();
        out.port = uint16_t(number);
    }
    return out;
}

Result<LinkCommand> read_command(int argc, const char* const* argv) {
    try {
        if (argc > 1 && std::string_view(argv[1]) == "enrol") return read_enrol(argc, argv);
        return read_run(argc, argv);
    } catch (const po::error& mistake) {
        return fail(Errc::invalid, std::string(mistake.what()) + "; --help lists the options.");
    }
}

}  // namespace bailiff::agent
