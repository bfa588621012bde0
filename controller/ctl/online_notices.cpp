// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case notice-preview` and `bailiffctl customer tokens`.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <charconv>

namespace bailiff {
namespace {

/// A whole number from an option, which must be there.
std::optional<int64_t> amount_of(Session& s) {
    const std::string text = s.args.text("amount");
    int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error == std::errc{} && end == text.data() + text.size()) return out;
    s.args.complain(s.err, "--amount takes a whole number of support tokens");
    return std::nullopt;
}

ExitCode show_ledger(Session& s, const std::string& place) {
    const auto all = s.ask("GET", place);
    if (!all) return s.code();
    const auto items = s.list(place, "");
    if (!items) return s.code();
    if (s.json()) {
        Json whole = *all;
        whole["items"] = *items;
        whole.erase("next");
        s.printed(whole);
        return exit_ok;
    }
    Table table({"NUMBER", "AT", "KIND", "AMOUNT", "BALANCE", "CASE", "BY", "REASON"});
    for (const auto& entry : *items)
        table.row({shown(entry, "number"), shown_time(entry, "at"), shown(entry, "kind"), shown(entry, "amount"), shown(entry, "balance"), shown(entry, "case"),
                   shown(entry, "actor"), shown(entry, "reason")});
    table.print(s.out);
    s.out << "balance " << shown(*all, "balance") << ", charged so far " << shown(*all, "charged") << "\n";
    return exit_ok;
}

}  // namespace

ExitCode case_notice_preview(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case notice-preview CASE NOTICE [OPTIONS]\n"
                "A notice as it would be written now, with the case's real data: ticket, further_report, answer_incomplete,\n"
                "switched_off, network_cut, restored, closed, call_reminder, call_overdue, review_needed, operator_needed.\n"
                "Nothing is sent, and the page's address in it leads nowhere.\n");
    a.value("language", "CODE", "en, hi; default that of the notice's reader").flag("html", "the HTML instead of the text");
    return online(a, arguments, {"CASE", "NOTICE"}, out, err, [](Session& s) {
        const auto answer = s.ask("GET", "/api/v1/cases/" + url_escaped(s.words[0]) + "/notices/" + url_escaped(s.words[1]) + "/preview" + query_of(s.args, {"language"}));
        if (!answer) return s.code();
        if (s.printed(*answer)) return exit_ok;
        if (s.args.flagged("html")) s.out << shown(*answer, "html");
        else s.out << "Subject: " << shown(*answer, "subject") << "\n\n" << shown(*answer, "text");
        return exit_ok;
    });
}

ExitCode customer_tokens(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer tokens list CUSTOMER [OPTIONS]\n"
                "       bailiffctl customer tokens grant|adjust CUSTOMER --amount N --reason TEXT\n"
                "       bailiffctl customer tokens refund CUSTOMER --case CASE [--amount N] --reason TEXT\n"
                "The customer's support tokens. A refund gives back what a case was charged, or N of it; an adjustment may be negative.\n");
    a.value("amount", "N", "so many support tokens").value("reason", "TEXT", "why; it stands in the ledger").value("case", "CASE", "refund: the case that was charged")
        .value("limit", "N", "list: at most so many entries, 0 = all; default 50");
    return online(a, arguments, {"ACTION", "CUSTOMER"}, out, err, [](Session& s) {
        const std::string place = "/api/v1/customers/" + url_escaped(s.words[1]) + "/tokens";
        const std::string& action = s.words[0];
        if (action == "list") return show_ledger(s, place);
        if (action != "grant" && action != "adjust" && action != "refund") return s.args.complain(s.err, "'" + action + "' is no action; there is list, grant, adjust and refund");
        if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing: why");
        Json body{{"reason", s.args.text("reason")}};
        if (action == "refund") {
            if (!s.args.has("case")) return s.args.complain(s.err, "--case is missing: the case that was charged");
            const std::string at = "/api/v1/cases/" + url_escaped(s.args.text("case"));
            const auto c = s.ask("GET", at);
            if (!c) return s.code();
            // Who mistypes a number must not pay back another customer.
            if (shown(*c, "customer", "id") != s.words[1]) return s.refuse("case " + s.args.text("case") + " is of customer " + shown(*c, "customer", "id") + ", not of " + s.words[1]);
            if (s.args.has("amount")) {
                const auto amount = amount_of(s);
                if (!amount) return exit_usage;
                body["tokens"] = *amount;
            }
            if (!s.ask("POST", at + "/refunds", body)) return s.code();
            return show_ledger(s, place);
        }
        const auto amount = amount_of(s);
        if (!amount) return exit_usage;
        body["kind"] = action == "grant" ? "grant" : "adjustment";
        body["amount"] = *amount;
        if (!s.ask("POST", place, body)) return s.code();
        return show_ledger(s, place);
    });
}

}  // namespace bailiff
