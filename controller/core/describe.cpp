// SPDX-License-Identifier: Apache-2.0
// Facts in one line of plain words: for the case's page, tables and scenarios.

#include "controller/core/history.hpp"

#include "controller/core/discovery.hpp"

namespace bailiff::core {
namespace {

std::string with(const std::string& text) { return text.empty() ? "" : ": " + text; }
std::string say(const CaseOpened& f) {
    return "case opened: " + f.report.type + " on " + f.vm_name + ", customer " + f.customer_name + ", policy " + f.policy.text() +
           " revision " + std::to_string(f.policy_revision) + (is_own_scan(f.report.reporter) ? ", found by " + f.report.reporter : "") +
           (f.predecessor.empty() ? "" : ", again after " + f.predecessor.text()) + (f.split_from.empty() ? "" : ", split off " + f.split_from.text());
}
std::string say(const ReportAdded& f) { return "report " + f.report.id.text() + " added: " + f.report.type + " from " + f.report.reporter; }
std::string say(const RungStarted& f) { return "step '" + f.step + "' began, " + spoken_duration(f.left) + (f.call ? ", staff to phone" : ""); }
std::string say(const LadderStopped& f) { return "ladder stopped (" + f.why + ") with " + spoken_duration(f.left) + " left"; }
std::string say(const ResolutionStopped& f) { return "resolution clock stopped with " + spoken_duration(f.left) + " left"; }
std::string say(const ResolutionStarted& f) { return "resolution clock runs, " + spoken_duration(f.left) + " left"; }
std::string say(const CallOverdue& f) { return f.level == 1 ? "call overdue: staff reminded" : "call overdue: supervisor told"; }
std::string say(const CallLogged& f) {
    return "call logged: " + std::string(name(f.outcome)) + ", " + f.contact + (f.number.empty() ? "" : " " + f.number) +
           (f.call_back == Instant{} ? "" : ", to be called back at " + format_rfc3339(f.call_back)) + with(f.note);
}
std::string say(const ReplyRecorded& f) {
    std::string out = "answer by " + std::string(name(f.reply.channel)) + ": " + std::string(name(f.reply.kind));
    for (size_t i = 0; i < f.missing.size(); ++i) out += (i ? ", " : "; missing: ") + f.missing[i];
    return out;
}
std::string say(const TokensCharged& f) { return std::to_string(f.tokens) + " support tokens charged"; }
std::string say(const TokensRefunded& f) { return std::to_string(f.tokens) + " support tokens refunded" + with(f.reason); }
std::string say(const Extended& f) { return "deadline extended by " + spoken_duration(f.by) + with(f.reason); }
std::string say(const HoldPlaced& f) { return "on hold" + with(f.reason); }
std::string say(const HoldLifted& f) { return "hold lifted" + with(f.reason); }
std::string say(const ReviewOpened& f) { return "review opened" + with(f.reason); }
std::string say(const ReviewDecided& f) { return "decided: " + std::string(name(f.decision)) + with(f.reason); }
std::string say(const StateDemanded& f) { return "VM to be " + std::string(name(f.desired)) + (f.sanction ? " (sanction)" : "") + with(f.reason); }
std::string say(const StateReached& f) {
    return "VM is " + std::string(name(f.state)) + (f.already ? " (was already)" : "") +
           (f.evidence.empty() ? "" : ", evidence " + f.evidence.text() + ", manifest " + f.manifest_sha256.substr(0, 12));
}
std::string say(const OrderFailed& f) {
    return "order " + std::string(name(f.status)) + (f.refusal == Refusal::none ? "" : " (" + std::string(name(f.refusal)) + ")") + with(f.text);
}
std::string say(const StageEntered& f) {
    return "treatment: " + std::string(name(f.stage)) + (f.round > 1 ? ", round " + std::to_string(f.round) : "") +
           (f.attempt > 1 ? ", attempt " + std::to_string(f.attempt) : "");
}
std::string say(const JobFinished& f) {
    switch (f.kind) {
        case JobKind::evidence: return "evidence frozen: " + f.evidence.text() + ", " + std::to_string(f.bytes) + " bytes, manifest " + f.manifest_sha256.substr(0, 12);
        case JobKind::scan:
        case JobKind::scan_live: {
            std::string out = std::string(f.kind == JobKind::scan ? "scan: " : "scan of the running VM: ") + std::string(name(f.verdict)) + ", " + std::to_string(f.files) + " files";
            if (f.skipped) out += ", " + std::to_string(f.skipped) + " not scanned";
            for (const auto& hit : f.hits) out += "; " + hit.signature + " in " + hit.path;
            if (f.suspicious) out += "; " + std::to_string(f.suspicious) + " suspicious";
            for (const auto& one : f.suspicions) out += "; " + one.path + ": " + one.reason;
            return out;
        }
        case JobKind::clean: return "cleaned: " + std::to_string(f.files) + " files moved away";
        case JobKind::revert: return "overlays dropped: disks as at power-off";
        case JobKind::guard: return "lock held on a host that could run the VM";
        case JobKind::unguard: return "lock let go on a host that could run the VM";
    }
    return {};
}
std::string say(const JobFailed& f) { return std::string(name(f.kind)) + " job failed" + with(f.text); }
std::string say(const StageApproved& f) { return "approved: " + std::string(name(f.stage)) + with(f.reason); }
std::string say(const NoticeSent& f) { return "notice " + std::string(name(f.notice)) + " sent to " + f.to; }
std::string say(const NoticeFailed& f) { return "notice " + std::string(name(f.notice)) + " refused for " + f.to + with(f.text); }
std::string say(const VmTrouble& f) { return "host reports " + f.what + with(f.text); }
std::string say(const VmMoved& f) { return "VM moved to host " + f.host.text(); }
std::string say(const NoteAdded& f) { return "note" + with(f.text); }
std::string say(const CaseClosed& f) { return "case closed: " + std::string(name(f.outcome)) + with(f.reason); }

std::string say(const LockIncomplete& f) { return "lock incomplete" + with(f.text) + (f.goes_on ? "; the policy lets the VM go off all the same" : ""); }

std::string say(const NoticeBounced& f) {
    return "notice " + std::string(name(f.notice)) + (f.final ? " came back from " : " is late for ") + f.to + ": " + f.status + (f.text.empty() ? "" : " " + f.text);
}
std::string say(const MailRedirected& f) {
    return "notice " + std::string(name(f.notice)) + ", and what follows, goes to " + f.contact.name + " <" + f.contact.email + ">";
}
std::string say(const CallBackCame& f) { return "time to call back " + f.contact + (f.number.empty() ? "" : " " + f.number) + with(f.note); }

std::string say(const IncompleteAccepted& f) {
    return "incomplete scan " + f.scan_job.text().substr(0, 8) + " accepted" + with(f.reason) + (f.second ? "" : "; waiting for a second person");
}

std::string say(const CaseErased& f) { return "what stood here of people was erased" + with(f.reason); }

std::string report_ids_in_words(const std::vector<ReportId>& reports) {
    std::string out = reports.size() == 1 ? "report " : "reports ";
    for (size_t i = 0; i < reports.size() && i < 5; ++i) out += (i ? ", " : "") + reports[i].text();
    return out + (reports.size() > 5 ? " and " + std::to_string(reports.size() - 5) + " more" : "");
}
std::string say(const CaseTakenIn& f) {
    std::vector<ReportId> reports;
    for (const auto& r : f.reports) reports.push_back(r.id);
    return (f.undoes_split ? "split undone, case " : "case ") + f.other.text() + " goes on here with " +
           (reports.empty() ? "no report of its own" : report_ids_in_words(reports)) + with(f.reason);
}
std::string say(const MergedInto& f) { return "merged into case " + f.into.text() + with(f.reason); }
std::string say(const MergeUndone& f) { return "merge undone, case " + f.other.text() + " goes on by itself" + with(f.reason); }
std::string say(const CameBack& f) { return "merge undone, open again beside case " + f.from.text() + with(f.reason); }
std::string say(const ReportsSplitOff& f) { return report_ids_in_words(f.reports) + " left for " + (f.into.empty() ? "triage" : "case " + f.into.text()) + with(f.reason); }
std::string say(const Muted& f) { return "stands still while case " + f.by.text() + " (" + f.policy.text() + ") is open on this VM"; }
std::string say(const Unmuted& f) { return "goes on" + with(f.why); }
std::string say(const AppealLodged& f) {
    return "appeal by " + std::string(name(f.channel)) + ", to be decided within " + spoken_duration(f.left) + with(f.text);
}
std::string say(const AppealOverdue& f) { return f.level == 1 ? "appeal overdue: staff reminded" : "appeal overdue: supervisor told"; }
std::string say(const AppealDecided& f) { return "appeal " + std::string(f.upheld ? "upheld" : "rejected") + with(f.reason); }
std::string say(const Assigned& f) { return f.assignee.empty() ? std::string("assigned to nobody") : "assigned to " + f.assignee; }

}  // namespace

std::string describe(const Fact& fact) {
    return std::visit([](const auto& f) { return say(f); }, fact);
}

}  // namespace bailiff::core
