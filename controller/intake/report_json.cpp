// SPDX-License-Identifier: Apache-2.0
// A parsed report as JSON: what `bailiffctl report parse` prints and the API stores.
#include "controller/intake/report_parser.hpp"

namespace bailiff {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json time_or_null(const std::optional<Instant>& t) { return t ? Json(format_rfc3339(*t)) : Json(); }

Json place(const ReportedPlace& p) {
    Json out{{"ip", text_or_null(p.ip)}, {"host", text_or_null(p.host)}, {"url", text_or_null(p.url)}, {"port", p.port ? Json(*p.port) : Json()}};
    if (!p.network.empty()) out["network"] = p.network;
    return out;
}

/// Each under its name; what came several times, and what the formats allow several times, as a list.
Json details_json(const ReportedEvent& e) {
    Json out = Json::object();
    for (const auto& [name, value] : e.details) {
        const bool list = name == "reported_domain" || name == "reported_uri";
        if (!out.contains(name)) {
            if (list) out[name] = Json::array({value});
            else out[name] = value;
        } else {
            if (!out[name].is_array()) out[name] = Json::array({out[name]});
            out[name].push_back(value);
        }
    }
    return out;
}

Json event_json(const ReportedEvent& e) {
    Json evidence = Json::array();
    for (const auto& item : e.evidence)
        evidence.push_back({{"content_type", text_or_null(item.content_type)}, {"description", text_or_null(item.description)},
                            {"size_bytes", item.size_bytes}});
    return {{"category", text_or_null(e.category)}, {"type", text_or_null(e.type)}, {"category_raw", text_or_null(e.category_raw)},
            {"type_raw", text_or_null(e.type_raw)}, {"abuse", e.abuse}, {"source", place(e.source)}, {"destination", place(e.destination)},
            {"observed_at", time_or_null(e.observed_at)}, {"observed_at_raw", text_or_null(e.observed_at_raw)},
            {"report_id", text_or_null(e.report_id)}, {"summary", text_or_null(e.summary)}, {"details", details_json(e)},
            {"evidence", evidence}};
}

}  // namespace

Json to_json(const ParsedReport& report) {
    Json events = Json::array(), times = Json::array();
    for (const auto& e : report.events) events.push_back(event_json(e));
    for (const auto t : report.suggestions.times) times.push_back(format_rfc3339(t));
    return {{"format", report.format},
            {"rule", text_or_null(report.rule)},
            {"about_abuse", report.about_abuse},
            {"by_mail", report.by_mail},
            {"subject", text_or_null(report.subject)},
            {"events", events},
            {"reporter", {{"name", text_or_null(report.reporter.name)}, {"contact", text_or_null(report.reporter.contact)},
                          {"domain", text_or_null(report.reporter.domain)}}},
            {"warnings", report.warnings},
            {"triage", report.triage ? Json(*report.triage) : Json()},
            {"suggestions", {{"addresses", report.suggestions.addresses}, {"urls", report.suggestions.urls}, {"times", times}}}};
}

}  // namespace bailiff
