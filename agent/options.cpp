// SPDX-License-Identifier: Apache-2.0
// See options.hpp.
#include "agent/options.hpp"

#include "agent/core/sweep.hpp"
#include "agent/keep_key.hpp"

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace bailiff::agent {
namespace po = boost::program_options;
namespace {

constexpr const char* default_config = "/etc/bailiff/agent.conf";
using Texts = std::vector<std::string>;

/// A value that stands in the file, as a flag, and in --print-config under one name.
template <class T>
void option(po::options_description& out, const char* name, T& value, const char* help) {
    out.add_options()(name, po::value(&value)->default_value(value), help);
}

po::options_description run_options(Options& o) {
    po::options_description out("Options of the file and of flags");
    option(out, "host", o.host, "this host's name, as given at enrolment");
    option(out, "state", o.state, "folder of journal and locks");
    option(out, "controllers", o.controllers, "folder of *.pub files: the keys whose orders are obeyed");
    option(out, "socket", o.socket, "Unix socket on which bailiff-link is awaited");
    option(out, "socket-group", o.socket_group, "group that may connect to it");
    option(out, "evidence", o.evidence, "folder of evidence sets; default STATE/evidence");
    option(out, "evidence-days", o.evidence_days, "days that sets of closed cases are kept; 0: for ever");
    option(out, "evidence-mib-per-s", o.evidence_mib_per_s, "speed of a running VM's copy; 0: as fast as it goes");
    option(out, "tpm-state", o.tpm_state, "folder of swtpm's states by VM; empty: not kept as evidence");
    option(out, "overlays", o.overlays, "folder of overlays; default STATE/overlays");
    option(out, "never-touch", o.never_touch, "file of UUIDs and names that no order may touch");
    option(out, "budget-per-hour", o.budget_per_hour, "VMs that may be restricted within an hour");
    option(out, "dry-run", o.dry_run, "check every order, carry out none");
    option(out, "draining", o.draining, "take nothing new, give back only");
    option(out, "agent-patience", o.agent_patience, "seconds for a guest to end after its agent was asked");
    option(out, "acpi-patience", o.acpi_patience, "seconds for a guest to end after ACPI requests");
    option(out, "libvirt-uri", o.libvirt_uri, "which libvirt");
    option(out, "libvirt-run", o.libvirt_run, "folder of QEMU's pid files");
    out.add_options()("libvirt-pid-file", po::value(&o.libvirt_pid_files)->composing(), "pid file of the daemon that reads hooks; may be repeated");
    option(out, "isolate-by", o.isolate_by, "how a VM is isolated: link, network or filter");
    option(out, "watch-seconds", o.watch_seconds, "seconds between looks at the network of isolated and limited VMs");
    option(out, "network-namespace", o.network_namespace, "laboratory only: /proc/PID/ns/net of a libvirtd in another one");
    option(out, "canary-type", o.canary_type, "kvm or qemu; default: kvm where it works");
    option(out, "hooks", o.hooks, "libvirt's folder of hooks");
    option(out, "install-gate", o.install_gate, "install and repair the start gate");
    option(out, "gate-program", o.gate_program, "bailiff-gate; default: beside this program, then /usr/lib/bailiff");
    option(out, "hold-program", o.hold_program, "bailiff-hold, which keeps locked disks from being written; likewise");
    option(out, "scan-program", o.scan_program, "bailiff-scan; default: beside this program, then /usr/bin");
    option(out, "clean-program", o.clean_program, "bailiff-clean; likewise");
    option(out, "clamd", o.clamd, "clamd's Unix socket; empty: no ClamAV");
    option(out, "clamd-config", o.clamd_config, "its clamd.conf: after an update, contents that are known are matched with the new signatures only; empty: with all of them");
    option(out, "clamd-database", o.clamd_database, "clamd's DatabaseDirectory, which proves what it has loaded; empty: what it says is not remembered");
    option(out, "yara", o.yara, "folder of YARA rules; empty: no YARA");
    out.add_options()("hash-list", po::value(&o.hash_lists)->composing(), "signed list of known-bad or known-good contents; may be repeated");
    out.add_options()("hash-list-key", po::value(&o.hash_list_keys)->composing(), "public keys (PEM) that sign such lists; may be repeated");
    option(out, "scan-cache", o.scan_cache, "file of contents in which nothing was found; default STATE/verdicts.sqlite; none: match everything");
    option(out, "scan-cache-mib", o.scan_cache_mib, "how large it may grow");
    option(out, "keep-key", o.keep_key, "X25519 public key (PEM) that what cleaning takes away is encrypted for; empty: a key of this host's own");
    out.add_options()("known-good", po::value(&o.known_good)->composing(), "folder with a tree of known-good files that replace what cleaning takes away; may be repeated");
    option(out, "scan-cgroup", o.scan_cgroup, "folder of the control group that scans run in, made when it is not there; empty: the agent's own");
    option(out, "scan-hours", o.scan_hours, "hours that the scan of one disk may take");
    option(out, "live-scan-scratch", o.live_scan_scratch, "folder for what a guest overwrites while it is scanned; default STATE/live-scan");
    option(out, "live-scan-scratch-mib", o.live_scan_scratch_mib, "how much that may be, for one VM; then its scan ends as incomplete");
    option(out, "live-scan-keep-percent", o.live_scan_keep_percent, "of that folder's file system, what always stays free");
    option(out, "live-scan-mib-per-s", o.live_scan_mib_per_s, "speed at which a running VM's disks are read; 0: as fast as it goes");
    option(out, "sweep", o.sweep, "scan this host's VMs in the background, and tell the controller what is found");
    option(out, "sweep-running", o.sweep_running, "also VMs that run: their own process serves their disks as a backup job of libvirt's");
    option(out, "sweep-checkpoints", o.sweep_checkpoints, "of running VMs, read only what was written since their last sweep: each then has a checkpoint of libvirt's");
    option(out, "sweep-every", o.sweep_every, "ISO 8601 duration between two sweeps of a VM, at least");
    option(out, "sweep-window", o.sweep_window, "hours of the local day in which sweeps begin, such as 22:00-06:00; empty: any time");
    option(out, "sweep-budget-mib-per-hour", o.sweep_budget_mib_per_hour, "how much sweeps read on average; 0: no limit");
    option(out, "lab-clock", o.lab_clock, "laboratory only: file with the seconds by which the clock is moved");
    option(out, "log-level", o.log_level, "debug, info, warning or error");
    return out;
}

std::string as_file(const po::options_description& known, const po::variables_map& values) {
    std::ostringstream out;
    for (const auto& one : known.options()) {
        const auto& value = values[one->long_name()];
        if (value.empty()) continue;
        if (const auto* text = boost::any_cast<std::string>(&value.value())) out << one->long_name() << " = " << *text << "\n";
        if (const auto* number = boost::any_cast<int64_t>(&value.value())) out << one->long_name() << " = " << *number << "\n";
        if (const auto* word = boost::any_cast<bool>(&value.value())) out << one->long_name() << " = " << (*word ? "true" : "false") << "\n";
        if (const auto* list = boost::any_cast<Texts>(&value.value()))
            for (const auto& item : *list) out << one->long_name() << " = " << item << "\n";
    }
    return out.str();
}

/// A program of ours: beside this one in a build tree, in its folder on a host.
std::string find_program(const std::string& name, const std::string& installed) {
    std::error_code error;
    const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error && std::filesystem::exists(own.parent_path() / name)) return (own.parent_path() / name).string();
    return installed + "/" + name;
}

void fill_in(Options& o) {
    if (o.evidence.empty()) o.evidence = o.state + "/evidence";
    if (o.live_scan_scratch.empty()) o.live_scan_scratch = o.state + "/live-scan";
    if (o.scan_cache.empty()) o.scan_cache = o.state + "/verdicts.sqlite";
    if (o.overlays.empty()) o.overlays = o.state + "/overlays";
    if (o.gate_program.empty()) o.gate_program = find_program("bailiff-gate", "/usr/lib/bailiff");
    if (o.hold_program.empty()) o.hold_program = find_program("bailiff-hold", "/usr/lib/bailiff");
    if (o.scan_program.empty()) o.scan_program = find_program("bailiff-scan", "/usr/bin");
    if (o.clean_program.empty()) o.clean_program = find_program("bailiff-clean", "/usr/bin");
}

std::string mistakes_of(const Options& o) {
    std::string out;
    const auto mistake = [&](bool wrong, const std::string& text) {
        if (wrong) out += (out.empty() ? "" : " ") + text;
    };
    mistake(o.host.empty(), "No host is named; write `host = NAME` as given at enrolment.");
    mistake(!o.host.empty() && !is_name(o.host), "host takes 1 to 64 of A-Z a-z 0-9 . _ -");
    for (const auto& [name, path] : {std::pair{"state", o.state}, {"controllers", o.controllers}, {"socket", o.socket}, {"evidence", o.evidence},
                                     {"overlays", o.overlays}, {"hooks", o.hooks}, {"live-scan-scratch", o.live_scan_scratch}})
        mistake(path.empty() || path.front() != '/', std::string(name) + " must be an absolute path.");
    mistake(o.socket.size() > 107, "socket is longer than 107 bytes.");
    mistake(o.budget_per_hour < 0 || o.budget_per_hour > 10'000, "budget-per-hour is from 0 to 10000.");
    mistake(o.agent_patience < 0 || o.agent_patience > 3600 || o.acpi_patience < 0 || o.acpi_patience > 3600,
            "agent-patience and acpi-patience are from 0 to 3600 seconds.");
    mistake(o.scan_hours < 1 || o.scan_hours > 168, "scan-hours is from 1 to 168.");
    for (const auto& [name, files] : {std::pair{"hash-list", o.hash_lists}, {"hash-list-key", o.hash_list_keys}})
        for (const auto& file : files) mistake(file.empty() || file.front() != '/', std::string(name) + " must be an absolute path.");
    mistake(!o.hash_lists.empty() && o.hash_list_keys.empty(), "A hash-list needs a hash-list-key: the public key whose owner signs it.");
    mistake(o.scan_cache != "none" && o.scan_cache.front() != '/', "scan-cache must be an absolute path, or none.");
    mistake(o.scan_cache_mib < 1 || o.scan_cache_mib > 1'000'000, "scan-cache-mib is from 1 to 1000000.");
    mistake(!o.scan_cgroup.empty() && o.scan_cgroup.front() != '/', "scan-cgroup must be an absolute path, or empty.");
    std::error_code no_folder;
    for (const auto& tree : o.known_good)
        mistake(tree.empty() || tree.front() != '/' || !std::filesystem::is_directory(tree, no_folder), "known-good '" + tree + "' must be the absolute path of a folder.");
    mistake(!o.keep_key.empty() && o.keep_key.front() != '/', "keep-key must be an absolute path, or empty.");
    if (!o.keep_key.empty())
        if (const auto key = load_or_make_keep_key(o); !key) mistake(true, "keep-key: " + key.error().text);
    mistake(o.live_scan_scratch_mib < 1 || o.live_scan_scratch_mib > 10'000'000, "live-scan-scratch-mib is from 1 to 10000000.");
    mistake(o.live_scan_keep_percent < 1 || o.live_scan_keep_percent > 90, "live-scan-keep-percent is from 1 to 90.");
    mistake(o.live_scan_mib_per_s < 0 || o.live_scan_mib_per_s > 100'000, "live-scan-mib-per-s is from 0 (no limit) to 100000.");
    const auto every = parse_duration(o.sweep_every);
    mistake(!every || *every < Seconds(3600) || *every > Seconds(366 * 86400), "sweep-every is an ISO 8601 duration from PT1H to P366D, such as P7D.");
    mistake(o.sweep_checkpoints && o.scan_cache == "none", "sweep-checkpoints needs scan-cache, which knows what counts under the present signatures.");
    if (const auto window = parse_day_window(o.sweep_window); !window) mistake(true, "sweep-window: " + window.error().text + ".");
    mistake(o.sweep_budget_mib_per_hour < 0 || o.sweep_budget_mib_per_hour > 100'000'000, "sweep-budget-mib-per-hour is from 0 (no limit) to 100000000.");
    mistake(o.evidence_days < 0 || o.evidence_days > 36'500, "evidence-days is from 0 (for ever) to 36500.");
    mistake(o.evidence_mib_per_s < 0 || o.evidence_mib_per_s > 100'000, "evidence-mib-per-s is from 0 (no limit) to 100000.");
    mistake(o.isolate_by != "link" && o.isolate_by != "network" && o.isolate_by != "filter", "isolate-by is link, network or filter.");
    mistake(o.watch_seconds < 1 || o.watch_seconds > 3600, "watch-seconds is from 1 to 3600.");
    mistake(!o.canary_type.empty() && o.canary_type != "kvm" && o.canary_type != "qemu", "canary-type is kvm or qemu.");
    mistake(o.log_level != "debug" && o.log_level != "info" && o.log_level != "warning" && o.log_level != "error",
            "log-level is debug, info, warning or error.");
    if (const auto exempt = read_never_touch(o.never_touch); !exempt) mistake(true, exempt.error().text);
    if (const auto keys = read_controllers(o.controllers); !keys) mistake(true, keys.error().text);
    return out;
}

std::optional<Command::Kind> kind_of(const std::string& word) {
    for (const auto& [name, kind] : {std::pair{"status", Command::Kind::status}, {"locks", Command::Kind::locks}, {"journal", Command::Kind::journal}, {"evidence", Command::Kind::evidence},
                                     {"drain", Command::Kind::drain}, {"release", Command::Kind::release}, {"sweep", Command::Kind::sweep}})
        if (word == name) return kind;
    return std::nullopt;
}

/// The words after `drain` and `release`; a sentence when they do not do.
std::string read_admin_words(Command& out, const Texts& words, bool force) {
    if (out.reason.size() > 512) return "--reason takes at most 512 bytes.";
    if (out.kind == Command::Kind::drain) {
        if (words.size() != 1 || (words[0] != "on" && words[0] != "off")) return "Say `bailiff-agent drain on` or `bailiff-agent drain off`.";
        out.on = words[0] == "on";
        return "";
    }
    if (words.size() != 1) return "Name one VM, by UUID or name: `bailiff-agent release --force VM --reason TEXT`; `bailiff-agent locks` lists them.";
    out.vm = words[0];
    if (!force)
        return "A VM is given back by the controller's order (`bailiffctl`). To do it without, from this host alone: "
               "`bailiff-agent release --force " + out.vm + " --reason TEXT`.";
    if (out.reason.empty()) return "Say why, for the journal and the controller: --reason TEXT.";
    return "";
}

Result<Command> read(int argc, const char* const* argv) {
    Command out;
    const std::string word = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
    if (!word.empty()) {
        const auto kind = kind_of(word);
        if (!kind)
            return fail(Errc::invalid, "'" + word.substr(0, 60) + "' is no command; there are status, locks, journal, evidence, sweep, drain and release.");
        out.kind = *kind;
        --argc;
        ++argv;
        const bool has_words = out.kind == Command::Kind::evidence || out.kind == Command::Kind::sweep;
        for (; has_words && argc > 1 && argv[1][0] != '-'; --argc, ++argv) out.words.push_back(argv[1]);
    }
    std::string config = default_config;
    po::options_description general("Flags only");
    general.add_options()("help", "this text")("version", "the version")("print-config", "print what would be used, as a file")
        ("check", "read everything, say what is wrong, do nothing")
        ("config", po::value(&config)->default_value(config), "options file");
    const po::options_description shared = run_options(out.options);
    po::options_description admin("Of the commands");
    admin.add_options()("json", po::bool_switch(&out.json), "all commands: one JSON object instead of lines")
        ("reason", po::value(&out.reason), "drain on, release: one sentence for the journal and the controller")
        ("force", "release: yes, without an order of the controller")
        ("start", po::bool_switch(&out.start), "release: start the VM when the lock is off");
    po::options_description words;
    Texts rest;
    words.add_options()("words", po::value(&rest));
    const char* const usage =
        "bailiff-agent: carries out signed orders on this hypervisor host\n"
        "  bailiff-agent status | locks | journal      what it knows, also without a controller\n"
        "  bailiff-agent evidence list | verify SET [KEY.pub] | expire | key | unseal FILE\n"
        "                                              the evidence sets on this host\n"
        "  bailiff-agent sweep list | now [VM...]      what the host's own sweep has found; sweep at once\n"
        "  bailiff-agent drain on | off                take nothing harmful any more, or again\n"
        "  bailiff-agent release --force VM --reason TEXT [--start]\n"
        "                                              give a VM back without the controller\n\n";
    po::options_description all;
    all.add(general).add(admin).add(shared);
    po::options_description known;
    known.add(all).add(words);
    po::positional_options_description positions;
    if (out.kind == Command::Kind::drain || out.kind == Command::Kind::release) positions.add("words", -1);
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(known).positional(positions)
                  .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing).run(), values);
    std::ostringstream text;
    if (values.count("help")) text << usage << all;
    if (values.count("version")) text << "bailiff-agent " BAILIFF_VERSION "\n";
    if (!text.str().empty()) return Command{Command::Kind::print, {}, text.str()};
    std::ifstream file(values["config"].as<std::string>());
    if (!file && !values["config"].defaulted())
        return fail(Errc::invalid, "The options file " + values["config"].as<std::string>() + " cannot be read.");
    if (file) po::store(po::parse_config_file(file, shared), values);
    po::notify(values);
    fill_in(out.options);
    if (out.kind == Command::Kind::drain || out.kind == Command::Kind::release)
        if (auto mistake = read_admin_words(out, rest, values.count("force") > 0); !mistake.empty()) return fail(Errc::invalid, mistake);
    if (out.kind != Command::Kind::run) return out;   // they need the state folder only
    if (out.json || out.start || values.count("force") || values.count("reason"))
        return fail(Errc::invalid, "--json, --start, --force and --reason belong to a command; `bailiff-agent --help` lists them.");
    if (values.count("print-config")) return Command{Command::Kind::print, {}, as_file(shared, values)};
    if (const auto mistakes = mistakes_of(out.options); !mistakes.empty()) return fail(Errc::invalid, mistakes);
    if (values.count("check")) out.kind = Command::Kind::check;
    return out;
}

}  // namespace

std::string advice_of(const Options& o) {
    if (o.clamd.empty() || o.scan_cache == "none") return "";
    if (o.clamd_database.empty())
        return "ClamAV matches everything at every scan, since nothing proves which signatures it has loaded; name its DatabaseDirectory (clamd-database) "
               "and its clamd.conf (clamd-config).";
    if (o.clamd_config.empty()) return "After an update of the signatures ClamAV matches everything with all of them; name its clamd.conf (clamd-config).";
    return "";
}

Result<Command> read_command(int argc, const char* const* argv) {
    try {
        return read(argc, argv);
    } catch (const po::error& error) {
        return fail(Errc::invalid, std::string(error.what()) + "; `bailiff-agent --help` lists the options.");
    }
}

Result<std::set<std::string>> read_never_touch(const std::string& path) {
    std::set<std::string> out;
    std::error_code error;
    if (path.empty() || !std::filesystem::exists(path, error)) return out;
    std::ifstream file(path);
    // A list that cannot be read must not count as empty: somebody relies on it.
    if (!file || std::filesystem::is_directory(path, error)) return fail(Errc::invalid, "The never-touch file " + path + " cannot be read.");
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        line.erase(std::min(line.find('#'), line.size()));
        const auto first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
        if (first == std::string::npos) continue;
        line = line.substr(first, last - first + 1);
        // libvirt gives out UUIDs in lower case; a name may be anything that is printed and has no slash.
        std::string lower = line;
        std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
        const bool name = std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 127 || c == '/'; });
        if (!name || line.size() > 256)
            return fail(Errc::invalid, "Line " + std::to_string(number) + " of the never-touch file " + path +
                                           " is no UUID or name of a VM; write one per line, and # before a comment.");
        out.insert(is_uuid(lower) ? lower : line);
    }
    if (file.bad()) return fail(Errc::invalid, "The never-touch file " + path + " cannot be read to its end.");
    return out;
}

Result<TrustedKeys> read_controllers(const std::string& folder) {
    TrustedKeys out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() != ".pub") continue;
        std::ifstream file(entry.path());
        std::ostringstream text;
        text << file.rdbuf();
        auto key = SignatureKey::from_public_pem(text.str());
        if (!key) return fail(Errc::invalid, "The controller's key " + entry.path().string() + " cannot be used: " + key.error().text + ".");
        out.insert_or_assign(key->key_id(), std::move(*key));
    }
    return out;
}

}  // namespace bailiff::agent
