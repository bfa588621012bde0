// SPDX-License-Identifier: Apache-2.0
// XARF as JSON: version 4, and version 3 in the shapes that reporters really send.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <glib.h>

namespace bailiff {
namespace {

/// A member as text; numbers as their digits, everything else as empty. `path` goes through objects.
std::string text_at(const Json& json, std::initializer_list<const char*> path, size_t most = 1024) {
    const Json* at = &json;
    for (const char* key : path) {
        if (!at->is_object()) return {};
        const auto next = at->find(key);
        if (next == at->end()) return {};
        at = &*next;
    }
    if (at->is_string()) return clean_line(at->get_ref<const std::string&>(), most);
    if (at->is_number_integer()) return dump_json(*at);
    return {};
}

/// The first of several spellings that is there.
std::string first_text(const Json& json, std::initializer_list<const char*> keys, size_t most = 1024) {
    for (const char* key : keys)
        if (auto text = text_at(json, {key}, most); !text.empty()) return text;
    return {};
}

/// The beginning of textual evidence, and how large it is. What is no base64 counts as the text itself.
void read_payload(const Json& item, const char* key, bool base64, ReportedEvidence& evidence) {
    if (!item.is_object() || !item.contains(key) || !item.at(key).is_string()) return;
    std::string bytes = item.at(key).get<std::string>();
    if (base64) {
        gsize length = 0;
        if (guchar* decoded = g_base64_decode(bytes.c_str(), &length)) {
            bytes.assign(reinterpret_cast<const char*>(decoded), length);
            g_free(decoded);
        }
    }
    evidence.size_bytes = bytes.size();
    const std::string type = lower_case(evidence.content_type);
    if (type.starts_with("text/") || type.starts_with("message/") || type == "application/json") evidence.text = clean_block(bytes, 16 * 1024);
}

void read_evidence(const Json& list, bool v4, ReportedEvent& event) {
    if (!list.is_array()) return;
    for (const Json& item : list) {
        if (event.evidence.size() == 50) break;
        ReportedEvidence evidence;
        evidence.content_type = first_text(item, {"content_type", "ContentType"}, 100);
        evidence.description = first_text(item, {"description", "Description"}, 300);
        const bool plain = item.is_object() && item.contains("Base64Encoded") && item.at("Base64Encoded") == Json(false);
        if (v4) read_payload(item, "payload", true, evidence);
        else read_payload(item, item.is_object() && item.contains("Data") ? "Data" : "Payload", !plain, evidence);
        event.evidence.push_back(std::move(evidence));
    }
}

void need_a_person(ParsedReport& report, std::string why) {
    if (!report.triage) report.triage = std::move(why);
}

/// What both versions end with: a source that can be matched, and no contradiction between its parts.
void finish(ReportedEvent event, const std::string& identifier, ParsedReport& report) {
    if (!identifier.empty() && !place_identifier(identifier, event.source))
        need_a_person(report, "The source '" + clean_line(identifier, 80) + "' is no address, host name or URL; find the machine by hand.");
    const std::string stated = event.source.ip;
    complete_from_url(event.source);
    const auto host = host_of_url(event.source.url);
    const auto in_url = host ? read_address(*host) : std::nullopt;
    if (in_url && !stated.empty() && *in_url != stated)
        need_a_person(report, "The source is " + stated + ", but the URL names " + *in_url + "; a person decides which is meant.");
    if (event.source == ReportedPlace{} || (event.source.ip.empty() && event.source.host.empty() && event.source.url.empty()))
        need_a_person(report, "The report names no source address; find the machine by hand.");
    report.events.push_back(std::move(event));
}

void read_v4(const Json& json, ParsedReport& report) {
    ReportedEvent event;
    event.category_raw = first_text(json, {"category", "class"}, 60);
    event.type_raw = text_at(json, {"type"}, 60);
    std::string category = lower_case(event.category_raw), type = lower_case(event.type_raw);
    std::replace(type.begin(), type.end(), '-', '_');
    if (is_category(category)) {
        event.category = category;
        event.type = type;
        if (!is_type(category, type)) warn(report, "The type '" + event.type_raw + "' is not one that XARF lists under " + category + ".");
    } else if (const auto kind = kind_of_word(type)) {
        event.category = kind->first;
        event.type = kind->second;
        warn(report, "The category '" + event.category_raw + "' is none of XARF's; the type is taken to mean " + kind->first + ".");
    } else {
        need_a_person(report, "Category and type '" + event.category_raw + "/" + event.type_raw + "' are not known; choose them by hand.");
    }
    for (const char* key : {"report_id", "timestamp", "reporter", "sender", "source_identifier"})
        if (!json.contains(key)) warn(report, std::string("XARF's field '") + key + "' is missing.");
    event.report_id = text_at(json, {"report_id"}, 200);
    read_observed_at(text_at(json, {"timestamp"}), event, report.warnings);
    event.source.url = text_at(json, {"url"}, 2048);
    event.source.port = read_port(text_at(json, {"source_port"}));
    if (const auto ip = read_address(text_at(json, {"destination_ip"}))) event.destination.ip = *ip;
    event.destination.port = read_port(text_at(json, {"destination_port"}));
    event.summary = first_text(json, {"description", "subject", "summary"}, 300);
    read_evidence(json.value("evidence", Json()), true, event);
    const Json who = json.value("reporter", Json());
    report.reporter = {text_at(who, {"org"}, 200), first_text(who, {"contact", "email"}, 200), text_at(who, {"domain"}, 200)};
    finish(std::move(event), first_text(json, {"source_identifier", "source_ip"}), report);
}

void read_v3(const Json& json, ParsedReport& report) {
    const Json body = json.at("Report");
    ReportedEvent event;
    event.category_raw = text_at(body, {"ReportClass"}, 60);
    event.type_raw = text_at(body, {"ReportType"}, 60);
    if (const auto kind = kind_of_word(event.type_raw)) {
        event.category = kind->first;
        event.type = kind->second;
    } else {
        need_a_person(report, "The kind of abuse '" + event.category_raw + "/" + event.type_raw + "' is not known; choose it by hand.");
    }
    event.report_id = first_text(body, {"ReportID", "ReportId"}, 200);
    read_observed_at(text_at(body, {"Date"}), event, report.warnings);
    const Json source = body.value("Source", Json());
    event.source.port = read_port(source.is_object() ? text_at(source, {"Port"}) : text_at(body, {"SourcePort"}));
    event.source.url = clean_line(source.is_object() ? first_text(source, {"URL", "Url"}, 2048) : first_text(body, {"SourceUrl", "ReportedUrl", "Url", "URL"}, 2048), 2048);
    if (const auto ip = read_address(first_text(body, {"DestinationIp", "DestinationIP"}))) event.destination.ip = *ip;
    event.destination.port = read_port(text_at(body, {"DestinationPort"}));
    event.summary = first_text(body, {"SmtpMessageSubject", "AttackDescription"}, 300);
    read_evidence(body.value(body.contains("Attachment") ? "Attachment" : "Samples", Json()), false, event);
    const Json who = json.value("ReporterInfo", Json());
    report.reporter = {text_at(who, {"ReporterOrg"}, 200), first_text(who, {"ReporterContactEmail", "ReporterOrgEmail"}, 200),
                       text_at(who, {"ReporterOrgDomain"}, 200)};
    std::string identifier = source.is_object() ? first_text(source, {"IP", "Ip", "ip"}) : first_text(body, {"SourceIp", "SourceIP", "Source"});
    if (identifier.empty() && source.is_object()) identifier = first_text(source, {"Domain", "Hostname", "Host"});
    finish(std::move(event), identifier, report);
}

/// One report of either version; false where the object is neither.
bool read_one(const Json& json, ParsedReport& report) {
    if (!json.is_object()) return false;
    const bool v3 = json.contains("Report") && json.at("Report").is_object();
    const bool v4 = json.contains("xarf_version") || (json.contains("source_identifier") && json.contains("type"));
    if (!v3 && !v4) return false;
    if (report.format == "unknown") report.format = v4 ? "xarf-v4" : "xarf-v3";
    v4 ? read_v4(json, report) : read_v3(json, report);
    return true;
}

}  // namespace

bool read_xarf_json(std::string_view text, const ReportLimits& limits, ParsedReport& report) {
    text = trimmed(text);
    if (text.empty() || (text.front() != '{' && text.front() != '[')) return false;
    const JsonLimits json_limits{limits.bytes, 32};
    const auto whole = parse_json(text, json_limits);
    if (whole && whole->is_object()) return read_one(*whole, report);
    if (whole && whole->is_array()) {
        size_t read = 0, number = 0;
        for (const Json& item : *whole) {
            ++number;
            if (report.events.size() >= limits.events) {
                need_a_person(report, "The report lists more than " + std::to_string(limits.events) + " events; the rest was not read.");
                break;
            }
            if (read_one(item, report)) ++read;
            else warn(report, "Entry " + std::to_string(number) + " is no XARF report and was passed over.");
        }
        return read > 0;
    }
    // One object per line: a broken line costs itself only.
    if (text.find('\n') != std::string_view::npos && text.find("xarf") != std::string_view::npos) {
        size_t read = 0, number = 0;
        ParsedReport lines = report;
        for (size_t at = 0; at < text.size();) {
            const size_t end = std::min(text.find('\n', at), text.size());
            const auto line = trimmed(text.substr(at, end - at));
            at = end + 1;
            ++number;
            if (line.empty()) continue;
            if (lines.events.size() >= limits.events) {
                need_a_person(lines, "The report lists more than " + std::to_string(limits.events) + " events; the rest was not read.");
                break;
            }
            const auto one = parse_json(line, json_limits);
            if (one && read_one(*one, lines)) ++read;
            else warn(lines, "Line " + std::to_string(number) + " is no XARF report and was passed over.");
        }
        if (read > 0) {
            report = std::move(lines);
            return true;
        }
    }
    if (text.find("xarf_version") == std::string_view::npos && text.find("ReporterInfo") == std::string_view::npos) return false;
    report.format = text.find("xarf_version") != std::string_view::npos ? "xarf-v4" : "xarf-v3";
    need_a_person(report, "The report is XARF, but its JSON cannot be read: " + (whole ? std::string("no reports in it") : whole.error().text) + ".");
    return true;
}

}  // namespace bailiff
