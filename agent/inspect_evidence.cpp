// SPDX-License-Identifier: Apache-2.0
// `bailiff-agent evidence …`: the sets on this host, also without a controller and beside a running agent.
#include "agent/inspect.hpp"

#include "agent/core/ledger.hpp"
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/host_key.hpp"
#include "agent/evidence/set_check.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/journal/sqlite_journal.hpp"
#include "agent/keep_key.hpp"
#include "agent/scan/clean/keep.hpp"
#include "agent/terminal.hpp"

#include <bailiff/system_clock.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace bailiff::agent {
namespace {

FileEvidence store_of(const Options& options) {
    return FileEvidence(options.evidence, [](const VmId&) -> Result<std::string> { return std::string(); });
}

int list(const Options& options) {
    const auto sets = store_of(options).all();
    for (const auto& set : sets)
        std::printf("%s  VM %s  case %s  %s  %s  %lld MiB  %s\n", set.id.text().c_str(), set.vm.text().c_str(), set.case_id.text().c_str(),
                    format_rfc3339(set.taken_at).c_str(), std::string(name(set.consistency)).c_str(), static_cast<long long>(set.bytes >> 20),
                    std::filesystem::exists(set.folder + "/manifest.dsse") ? "signed" : "not signed");
    if (sets.empty()) std::printf("no evidence set lies in %s\n", options.evidence.c_str());
    return 0;
}

/// A folder as it was given, or a set of this host by its name.
std::string folder_of(const Options& options, const std::string& set) {
    if (set.find('/') != std::string::npos) {
        std::error_code error;
        return std::filesystem::weakly_canonical(set, error).string();
    }
    for (const auto& vm : names_in(options.evidence))
        if (std::filesystem::exists(options.evidence + "/" + vm + "/" + set)) return options.evidence + "/" + vm + "/" + set;
    return "";
}

int verify(const Options& options, const std::string& set, const std::string& key_file) {
    const std::string folder = folder_of(options, set);
    if (folder.empty()) return complain("There is no evidence set " + set + " in " + options.evidence + "; `bailiff-agent evidence list` names them.");
    auto key = [&]() -> Result<SignatureKey> {
        if (key_file.empty()) return load_host_key(options.host_key());
        const auto text = read_file(key_file, 65536);
        if (!text) return fail(text.error());
        return SignatureKey::from_public_pem(*text);
    }();
    if (!key) return complain("No key to verify with: " + key.error().text);
    CheckOptions check;
    check.keys.emplace(key->key_id(), *key);
    if (auto checked = check_set(folder, check); !checked) return complain(checked.error().text);
    std::printf("%s: signed by key %s, and every file is as it was stored\n", folder.c_str(), key->key_id().c_str());
    return 0;
}

int print_key(const Options& options) {
    const auto key = load_host_key(options.host_key());
    if (!key) return complain(key.error().text);
    std::fputs(key->public_pem().c_str(), stdout);
    return 0;
}

/// A content that cleaning moved away, when it was sealed for this host's own key.
int unseal(const Options& options, const std::string& file) {
    const auto key = load_own_unsealing_key(options);
    if (!key)
        return complain("This host has no private key that opens it (" + key.error().text + "); on the machine that has it: bailiff-clean unseal --key PEM FILE > OUT");
    const auto opened = unseal_file(file, *key, STDOUT_FILENO);
    return opened ? 0 : complain(opened.error().text);
}

/// By the runner's own rule: old, and nothing on this host says that the case is open.
int expire(const Options& options) {
    if (options.evidence_days == 0) return complain("evidence-days is 0: sets are kept for ever.");
    std::set<VmId> busy;
    if (std::filesystem::exists(options.journal())) {
        SqliteJournal journal(options.journal(), true);
        Ledger ledger;
        for (const auto& entry : journal.read_all()) ledger.apply(entry);
        busy = ledger.isolated();
        for (const auto& [vm, limit] : ledger.limited()) busy.insert(vm);
        for (const auto& id : ledger.open()) busy.insert(ledger.find(id)->vm);
    }
    FileEvidence store = store_of(options);
    const Instant before = SystemClock().now() - Seconds(options.evidence_days * 86400);
    int status = 0, old = 0;
    for (const auto& set : store.all()) {
        if (set.taken_at >= before) continue;
        ++old;
        const bool locked = std::filesystem::exists(options.locks() + "/" + set.vm.text() + ".json");
        const bool overlaid = !names_in(options.overlays + "/" + set.vm.text() + "/" + set.case_id.text()).empty();
        if (locked || overlaid || busy.contains(set.vm)) {
            std::printf("kept: %s, since VM %s is %s\n", set.id.text().c_str(), set.vm.text().c_str(), locked ? "locked" : "being worked on");
            continue;
        }
        if (auto gone = store.expire(set); !gone) status = complain(gone.error().text);
        else std::printf("deleted: %s of %s\n", set.id.text().c_str(), format_rfc3339(set.taken_at).c_str());
    }
    if (old == 0) std::printf("no evidence set in %s is older than %lld days\n", options.evidence.c_str(), static_cast<long long>(options.evidence_days));
    return status;
}

}  // namespace

int inspect_evidence(const Command& command) {
    const auto& words = command.words;
    const std::string verb = words.empty() ? "" : words[0];
    if (verb == "list" && words.size() == 1) return list(command.options);
    if (verb == "verify" && (words.size() == 2 || words.size() == 3)) return verify(command.options, words[1], words.size() == 3 ? words[2] : "");
    if (verb == "expire" && words.size() == 1) return expire(command.options);
    if (verb == "key" && words.size() == 1) return print_key(command.options);
    if (verb == "unseal" && words.size() == 2) return unseal(command.options, words[1]);
    std::fprintf(stderr, "bailiff-agent: evidence takes list, verify SET [KEY.pub], expire, key or unseal FILE\n");
    return 2;
}

}  // namespace bailiff::agent
