// SPDX-License-Identifier: Apache-2.0
// `bailiffctl statistics` and `bailiffctl case export`: both fold an export of the audit log, which a file or the controller
// gives, so that the figures can be checked by whoever has the log.
#include "controller/ctl/statistics.hpp"

#include "controller/ctl/arguments.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/json.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace bailiff {
namespace {

constexpr size_t longest_line = size_t{4} << 20;

/// What both commands take.
Arguments& with_source(Arguments& a) {
    return a.value("from", "RFC3339", "cases opened at this instant or later")
        .value("to", "RFC3339", "cases opened before this instant")
        .flag("json", "print JSON")
        .flag("csv", "print CSV (RFC 4180)")
        .value("server", "URL", "the controller, when no file is named")
        .value("token-file", "FILE", "its token; the role approver is needed")
        .value("ca", "FILE", "the CA that signed its certificate")
        .value("config", "FILE", "settings")
        .words("file", "");
}

struct Span {
    Instant from{}, to{Seconds(int64_t{1} << 40)};
};

Result<Span> span_of(const Arguments& a) {
    Span out;
    for (const auto& [option, into] : {std::pair{"from", &out.from}, {"to", &out.to}}) {
        if (!a.has(option)) continue;
        const auto at = parse_rfc3339(a.text(option));
        if (!at) return fail(Errc::invalid, "--" + std::string(option) + ": " + at.error().text);
        *into = *at;
    }
    return out;
}

/// From the file that is named, or out of the controller.
Result<core::CaseBook> book_of(const Arguments& a) {
    const auto files = a.list("file");
    if (files.size() > 1) return fail(Errc::invalid, "name at most one file: an export of the audit log, or - for standard input");
    if (files.size() == 1) {
        std::ifstream in(files[0] == "-" ? "/dev/stdin" : files[0], std::ios::binary);
        if (!in) return fail(Errc::not_found, "'" + files[0] + "' cannot be opened");
        return read_case_book(in);
    }
    std::vector<std::string> asked;
    for (const char* option : {"server", "token-file", "ca", "config"})
        if (a.has(option)) asked.insert(asked.end(), {"--" + std::string(option), a.text(option)});
    std::stringstream lines;
    std::ostringstream complaint;
    if (audit_export(asked, lines, complaint) != exit_ok) {
        std::string why = complaint.str();
        while (!why.empty() && why.back() == '\n') why.pop_back();
        return fail(Errc::unavailable, why.starts_with("bailiffctl: ") ? why.substr(12) : why);
    }
    return read_case_book(lines);
}

/// A cell of RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe: reporters write some of them.
std::string csv_cell(std::string text) {
    if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos) text.insert(text.begin(), '\'');
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

void print_csv(const std::vector<std::vector<std::string>>& rows, std::ostream& out) {
    for (const auto& row : rows) {
        for (size_t i = 0; i < row.size(); ++i) out << (i ? "," : "") << csv_cell(row[i]);
        out << "\r\n";
    }
}

/// Rows with their head first, as CSV, or for people.
void print_rows(const std::vector<std::vector<std::string>>& rows, bool csv, std::ostream& out) {
    if (csv) return print_csv(rows, out);
    Table table(rows.front());
    for (size_t i = 1; i < rows.size(); ++i) table.row(rows[i]);
    table.print(out);
}

std::string words_of(const std::optional<core::SpanFigures>& spans, Seconds core::SpanFigures::*which, bool csv) {
    if (!spans) return "";
    const Seconds span = (*spans).*which;
    return csv ? std::to_string(span.count()) : spoken_duration(span);
}

Json json_of(const std::optional<core::SpanFigures>& spans) {
    if (!spans) return nullptr;
    return {{"median_seconds", spans->median.count()}, {"nine_of_ten_seconds", spans->most.count()}};
}

std::string when(const std::optional<Instant>& at) { return at ? format_rfc3339(*at) : ""; }

ExitCode refuse(std::ostream& err, const Error& error) {
    err << "bailiffctl: " << error.text << "\n";
    return error.code == Errc::unavailable ? exit_unreachable : exit_refused;
}

}  // namespace

Result<core::CaseBook> read_case_book(std::istream& lines) {
    core::CaseBook book;
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto invalid = [&](const std::string& why) {
            return fail(Errc::invalid, "line " + std::to_string(number) + " is no line of an audit export (" + why + "); `bailiffctl audit export` makes one");
        };
        if (line.empty()) continue;
        if (line.size() > longest_line) return invalid("it is too long");
        const auto json = parse_json(line);
        if (!json || !json->is_object()) return invalid("no JSON object");
        if (!json->contains("text")) continue;   // a checkpoint, the cases' revisions, the key
        const auto text = json->find("text");
        auto body = text->is_string() ? parse_json(text->get_ref<const std::string&>()) : Result<Json>(fail(Errc::invalid, ""));
        if (!body || !body->is_object() || !body->contains("case") || !body->at("case").is_string()) return invalid("no item of a history");
        const CaseId id(body->at("case").get<std::string>());
        body->erase("case");
        if (body->contains("left_sha256")) continue;   // of a case over its time only the links of the chain are left
        const auto item = core::parse_item(*body);
        if (!item) return invalid(item.error().text);
        book.add(id, *item);
    }
    if (lines.bad()) return fail(Errc::unavailable, "the export cannot be read to its end");
    return book;
}

ExitCode statistics_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl statistics [FILE] [OPTIONS]\n"
                "How long it takes until customers answer, until their VMs are clean, and until cases are closed. Everything is counted\n"
                "out of the audit log: that of the controller, or an export of it in FILE (- for standard input). Times are elapsed\n"
                "time, nights included; 'most' is what nine of ten need at most.\n"
                "A case that was merged into another counts with that one.\n");
    with_source(a)
        .value("by", "GROUP", "all (default), type, policy, reporter, netblock, customer or month")
        .value("netblock", "V4[,V6]", "with --by netblock: lengths of the prefixes, default 24,48");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto span = span_of(a);
    if (!span) return a.complain(err, span.error().text);
    const auto group = parse_name<core::GroupBy>(a.has("by") ? a.text("by") : "all");
    if (!group) return a.complain(err, "--by: " + group.error().text);
    core::NetblockSize size;
    if (a.has("netblock")) {
        const std::string text = a.text("netblock");
        const size_t comma = text.find(',');
        const auto number = [](std::string_view word, int most, int& into) {
            const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into);
            return error == std::errc() && end == word.data() + word.size() && into >= 1 && into <= most;
        };
        const bool good = number(std::string_view(text).substr(0, comma), 32, size.ipv4) &&
                          (comma == std::string::npos || number(std::string_view(text).substr(comma + 1), 128, size.ipv6));
        if (!good) return a.complain(err, "--netblock takes one or two lengths of prefixes, such as 24,48");
    }
    const auto book = book_of(a);
    if (!book) return refuse(err, book.error());
    const auto all = core::figures_by(*group, *book, span->from, span->to, size);
    if (a.flagged("json")) {
        Json items = Json::array();
        for (const auto& [word, f] : all)
            items.push_back({{"group", word}, {"cases", f.cases}, {"reports", f.reports}, {"open", f.open}, {"replied", f.replied},
                             {"sanctioned", f.sanctioned}, {"cleaned", f.cleaned}, {"false_positives", f.false_positives},
                             {"to_reply", json_of(f.to_reply)}, {"to_clean", json_of(f.to_clean)}, {"to_close", json_of(f.to_close)}});
        out << dump_json(Json{{"by", name(*group)}, {"items", std::move(items)}}, 2) << "\n";
        return exit_ok;
    }
    const bool csv = a.flagged("csv");
    std::vector<std::vector<std::string>> rows{{std::string(name(*group)), "cases", "reports", "open", "replied", "sanctioned", "cleaned", "false positives",
                                                "to reply", "most", "to clean", "most", "to close", "most"}};
    if (csv)
        rows[0] = {"group", "cases", "reports", "open", "replied", "sanctioned", "cleaned", "false_positives", "reply_median_s", "reply_most_s",
                   "clean_median_s", "clean_most_s", "close_median_s", "close_most_s"};
    for (const auto& [word, f] : all) {
        std::vector<std::string> row{word};
        for (const int64_t count : {f.cases, f.reports, f.open, f.replied, f.sanctioned, f.cleaned, f.false_positives}) row.push_back(std::to_string(count));
        for (const auto* spans : {&f.to_reply, &f.to_clean, &f.to_close})
            for (const auto which : {&core::SpanFigures::median, &core::SpanFigures::most}) row.push_back(words_of(*spans, which, csv));
        rows.push_back(std::move(row));
    }
    print_rows(rows, csv, out);
    return exit_ok;
}

ExitCode case_export(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case export [FILE] [OPTIONS]\n"
                "Every case with its milestones, one a line, out of the audit log: that of the controller, or an export of it in FILE\n"
                "(- for standard input). Times are UTC.\n");
    with_source(a);
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto span = span_of(a);
    if (!span) return a.complain(err, span.error().text);
    const auto book = book_of(a);
    if (!book) return refuse(err, book.error());
    std::vector<std::vector<std::string>> rows{{"case", "type", "policy", "reporter", "reports", "customer", "customer_name", "vm_name", "vm_address", "opened_at",
                                                "replied_at", "sanctioned_at", "clean_at", "closed_at", "outcome"}};
    std::vector<const core::CaseTimes*> listed;
    for (const auto& [id, c] : book->cases())
        if (c.opened_at >= span->from && c.opened_at < span->to) listed.push_back(&c);
    std::stable_sort(listed.begin(), listed.end(), [](const auto* x, const auto* y) { return x->opened_at < y->opened_at; });
    Json items = Json::array();
    for (const auto* one : listed) {
        const core::CaseTimes& c = *one;
        rows.push_back({c.id.text(), c.type, c.policy.text(), c.reporter, std::to_string(c.reports), c.customer.text(), c.customer_name, c.vm_name, c.vm_address,
                        format_rfc3339(c.opened_at), when(c.replied_at), when(c.sanctioned_at), when(c.clean_at), when(c.closed_at),
                        c.outcome ? std::string(name(*c.outcome)) : ""});
        if (!a.flagged("json")) continue;
        Json item = Json::object();
        for (size_t i = 0; i < rows[0].size(); ++i) item[rows[0][i]] = rows.back()[i].empty() ? Json(nullptr) : Json(rows.back()[i]);
        item["reports"] = c.reports;
        items.push_back(std::move(item));
    }
    if (a.flagged("json")) out << dump_json(Json{{"items", std::move(items)}}, 2) << "\n";
    else print_rows(rows, a.flagged("csv"), out);
    return exit_ok;
}

}  // namespace bailiff
