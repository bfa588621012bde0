// SPDX-License-Identifier: Apache-2.0
// XARF as JSON: version 4, and version 3 in the shapes that reporters really send.
#include "controller/intake/fields.hpp"
#include "controller/intake/formats.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <glib.h>

namespace bailiff {
namespace {

/// A member by its name, or by the same letters in another case ("SourceIP", "sourceIp"); null where there is none.
const Json& member(const Json& json, std::string_view key) {
    static const Json none;
    if (!json.is_object()) return none;
    if (const auto exact = json.find(std::string(key)); exact != json.end()) return *exact;
    const std::string wanted = lower_case(key);
    for (const auto& [name, value] : json.items())
        if (name.size() == key.size() && lower_case(name) == wanted) return value;
    return none;
}

/// A member as text; numbers as their digits, the first of an array of texts, everything else as empty.
std::string text_at(const Json& json, std::initializer_list<const char*> path, size_t most = 1024) {
    const Json* at = &json;
    for (const char* key : path) at = &member(*at, key);
    if (at->is_array() && !at->empty()) at = &at->front();
    if (at->is_string()) return clean_line(at->get_ref<const std::string&>(), most);
    if (at->is_number()) return dump_json(*at);
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
    if (list.is_object()) return read_evidence(Json::array({list}), v4, event);
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

/// What else a report says in single values, under its own names.
void read_details(const Json& json, std::initializer_list<const char*> wanted, ReportedEvent& event) {
    for (const char* key : wanted)
        if (auto text = text_at(json, {key}); !text.empty()) event.details.emplace_back(key, std::move(text));
}

/// "192.0.2.1", or a list of such.
std::vector<std::string> texts_of(const Json& value) {
    std::vector<std::string> out;
    if (value.is_array()) {
        for (const Json& item : value)
            if (item.is_string() && out.size() < 1000) out.push_back(clean_line(item.get_ref<const std::string&>(), 2048));
    } else if (value.is_string()) {
        out.push_back(clean_line(value.get_ref<const std::string&>(), 2048));
    } else if (value.is_number()) {
        out.push_back(dump_json(value));
    }
    return out;
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
    const auto& source = event.source;
    if ((source.ip + source.host + source.url + source.network).empty()) need_a_person(report, "The report names no source address; find the machine by hand.");
    report.events.push_back(std::move(event));
}

void read_v4(const Json& json, const ReportLimits& limits, ParsedReport& report) {
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
    event.source.url = refanged(first_text(json, {"url", "source_url"}, 2048));
    event.source.port = read_port(text_at(json, {"source_port"}));
    if (const auto to = read_endpoint(first_text(json, {"destination_ip", "destination_identifier", "target_ip"}))) {
        event.destination.ip = to->first;
        event.destination.port = to->second;
    }
    if (const auto port = read_port(text_at(json, {"destination_port"}))) event.destination.port = port;
    event.summary = first_text(json, {"description", "subject", "summary"}, 300);
    read_details(json, {"xarf_version", "evidence_source", "protocol", "service", "smtp_from", "malware_family", "cve_id", "confidence"}, event);
    read_evidence(member(json, "evidence"), true, event);
    const Json& who = member(json, "reporter");
    report.reporter = {who.is_string() ? text_at(json, {"reporter"}, 200) : first_text(who, {"org", "name"}, 200), first_text(who, {"contact", "email"}, 200),
                       text_at(who, {"domain"}, 200)};
    auto identifiers = texts_of(json.contains("source_identifier") ? member(json, "source_identifier") : member(json, "source_ip"));
    // One report about several sources is several events: each is a machine of its own.
    for (size_t i = 0; i + 1 < identifiers.size() && report.events.size() < limits.events; ++i) finish(event, identifiers[i], report);
    finish(std::move(event), identifiers.empty() ? std::string() : identifiers.back(), report);
}

/// In both shapes of version 3: where the abuse came from.
void read_v3_source(const Json& body, ReportedEvent& event, std::vector<std::string>& identifiers) {
    const Json& source = member(body, "Source");
    if (source.is_object()) {
        event.source.port = read_port(text_at(source, {"Port"}));
        event.source.url = refanged(first_text(source, {"URL"}, 2048));
        identifiers = texts_of(member(source, "IP"));
        if (identifiers.empty()) identifiers = texts_of(member(source, "Value"));
        if (identifiers.empty() && event.source.url.empty()) identifiers = {first_text(source, {"Domain", "Hostname", "Host", "ASN"})};
    } else {
        event.source.port = read_port(first_text(body, {"SourcePort", "AttackerPort"}));
        event.source.url = refanged(first_text(body, {"SourceUrl", "ReportedUrl", "Url"}, 2048));
        for (const char* key : {"SourceIp", "SourceIpAddress", "AttackerIp", "Source", "SourceDomain", "SourceHost"})
            if (identifiers.empty()) identifiers = texts_of(member(body, key));
    }
    if (identifiers.empty()) identifiers.emplace_back();
}

void read_v3_reporter(const Json& json, ParsedReport& report) {
    const Json& who = member(json, "ReporterInfo");
    report.reporter = {first_text(who, {"ReporterOrg", "ReporterContactName"}, 200), first_text(who, {"ReporterContactEmail", "ReporterOrgEmail"}, 200),
                       text_at(who, {"ReporterOrgDomain"}, 200)};
}

void read_v3(const Json& json, const Json& body, const ReportLimits& limits, ParsedReport& report) {
    ReportedEvent event;
    event.category_raw = text_at(body, {"ReportClass"}, 60);
    event.type_raw = text_at(body, {"ReportType"}, 60);
    if (const auto kind = kind_of_word(event.type_raw)) {
        event.category = kind->first;
        event.type = kind->second;
        // A resolver saw the address ask for a name of malware: it does not spread it, it has it.
        if (event.type == "malware" && lower_case(text_at(body, {"ReportSubType"}, 60)).starts_with("rpz"))
            event.category = "connection", event.type = "infected_host";
    } else {
        need_a_person(report, "The kind of abuse '" + event.category_raw + "/" + event.type_raw + "' is not known; choose it by hand.");
    }
    event.report_id = first_text(body, {"ReportID", "ReportIdentifier", "ReporterCaseID", "Id"}, 200);
    if (event.report_id.empty()) event.report_id = first_text(json, {"ReportID", "Id"}, 200);
    read_observed_at(first_text(body, {"Date", "Timestamp", "LastSeen", "FirstSeen"}), event, report.warnings);
    std::vector<std::string> identifiers;
    read_v3_source(body, event, identifiers);
    if (const auto to = read_endpoint(first_text(body, {"DestinationIp", "DestinationIpAddress", "TargetIp"}))) event.destination.ip = to->first;
    event.destination.port = read_port(text_at(body, {"DestinationPort"}));
    event.summary = first_text(body, {"SmtpMessageSubject", "AttackDescription", "Description", "HarassmentDescription", "InfringedMaterial",
                                      "TrademarkedMaterial", "ReporterNotes"}, 300);
    read_details(body, {"ReportSubType", "SmtpMailFromAddress", "FromAddress", "MalwareName", "BotnetName", "ServiceName", "CVE", "RpzDomain", "Protocol",
                        "TransportProtocol"}, event);
    read_evidence(member(body, body.contains("Attachment") ? "Attachment" : "Samples"), false, event);
    read_v3_reporter(json, report);
    if (!event.observed_at) warn(report, "The report does not say when it was observed.");
    for (size_t i = 0; i + 1 < identifiers.size() && report.events.size() < limits.events; ++i) finish(event, identifiers[i], report);
    finish(std::move(event), identifiers.back(), report);
}

/// One report of either version (of v3, one `Report` or a list of them); false where the object is neither.
bool read_one(const Json& json, const ReportLimits& limits, ParsedReport& report) {
    if (!json.is_object()) return false;
    // Drafts of v3 wrote "Reports", always a list.
    const Json& body = member(json, member(json, "Report").is_structured() ? "Report" : "Reports");
    const bool bare = body.is_null() && json.contains("ReportType") && (json.contains("ReportClass") || json.contains("SourceIp"));
    const bool v3 = body.is_object() || (body.is_array() && !body.empty() && body.front().is_object()) || bare;
    const bool v4 = json.contains("xarf_version") || (json.contains("source_identifier") && json.contains("type"));
    // Its frame alone: what it was to hold got lost on the way, and somebody has to ask for it.
    const bool frame = !v3 && !v4 && member(json, "ReporterInfo").is_object();
    if (!v3 && !v4 && !frame) return false;
    if (report.format == "unknown") report.format = v4 ? "xarf-v4" : "xarf-v3";
    if (frame) {
        read_v3_reporter(json, report);
        need_a_person(report, "The report names who reports, but not what; ask for it again.");
    } else if (v4) {
        read_v4(json, limits, report);
    } else if (body.is_array()) {
        for (const Json& one : body)
            if (one.is_object() && report.events.size() < limits.events) read_v3(json, one, limits, report);
    } else {
        if (bare) warn(report, "The report lacks XARF's frame; who reports is not said in it.");
        read_v3(json, bare ? json : body, limits, report);
    }
    return true;
}

/// The objects of an array; those that are no reports cost themselves only.
bool read_list(const Json& list, const ReportLimits& limits, ParsedReport& report) {
    size_t read = 0, number = 0;
    for (const Json& item : list) {
        ++number;
        if (report.events.size() >= limits.events) {
            need_a_person(report, "The report lists more than " + std::to_string(limits.events) + " events; the rest was not read.");
            break;
        }
        if (read_one(item, limits, report)) ++read;
        else warn(report, "Entry " + std::to_string(number) + " is no XARF report and was passed over.");
    }
    return read > 0;
}

/// The end of the object or array that begins at `at`, strings skipped; npos where it has none.
size_t end_of_value(std::string_view text, size_t at) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = at; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\') ++i;
            else if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

/// JSON with text before or behind it, as in a mail's body: the object around the first name that only XARF has.
bool read_embedded(std::string_view text, const ReportLimits& limits, ParsedReport& report) {
    size_t key = std::string_view::npos;
    for (const char* name : {"\"xarf_version\"", "\"ReporterInfo\"", "\"source_identifier\""}) key = std::min(key, text.find(name));
    if (key == std::string_view::npos) return false;
    size_t open = text.rfind('{', key);
    for (size_t tries = 0; open != std::string_view::npos && tries < 8; ++tries, open = open == 0 ? std::string_view::npos : text.rfind('{', open - 1)) {
        const size_t end = end_of_value(text, open);
        if (end == std::string_view::npos || end < key) continue;
        const auto object = parse_json(text.substr(open, end - open), {limits.bytes, 32});
        if (object && read_one(*object, limits, report)) {
            warn(report, "The report stands in the middle of a text; what is around it was left to people.");
            return true;
        }
    }
    return false;
}

}  // namespace

bool read_xarf_json(std::string_view text, const ReportLimits& limits, ParsedReport& report) {
    text = trimmed(text);
    if (text.empty()) return false;
    if (text.front() != '{' && text.front() != '[') return read_embedded(text, limits, report);
    const JsonLimits json_limits{limits.bytes, 32};
    const auto whole = parse_json(text, json_limits);
    if (whole && whole->is_object()) {
        if (read_one(*whole, limits, report)) return true;
        // {"reports": [...]}: the only member that is a list of them.
        for (const auto& [key, value] : whole->items()) {
            const bool reports = value.is_array() && !value.empty() && value.front().is_object() && value.front().contains("xarf_version");
            if (reports) return read_list(value, limits, report);
        }
        return false;
    }
    if (whole && whole->is_array()) {
        ParsedReport list = report;
        if (!read_list(*whole, limits, list)) return false;
        report = std::move(list);
        return true;
    }
    // One object per line: a broken line costs itself only.
    const auto has = [&](const char* name) { return text.find(name) != std::string_view::npos; };
    const bool named = has("xarf_version") || has("ReporterInfo") || has("source_identifier");
    if (text.find('\n') != std::string_view::npos && named) {
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
            const auto one = line.front() == '{' ? parse_json(line, json_limits) : Result<Json>(fail(Errc::invalid, "no object"));
            if (one && read_one(*one, limits, lines)) ++read;
            else warn(lines, "Line " + std::to_string(number) + " is no XARF report and was passed over.", limits.warnings);
        }
        if (read > 0) {
            report = std::move(lines);
            return true;
        }
    }
    if (!named) return false;
    if (read_embedded(text, limits, report)) return true;
    report.format = text.find("ReporterInfo") == std::string_view::npos ? "xarf-v4" : "xarf-v3";
    need_a_person(report, "The report is XARF, but its JSON cannot be read: " + (whole ? std::string("no reports in it") : whole.error().text) + ".");
    // A person can still choose from what it names.
    read_prose(text, report);
    return true;
}

}  // namespace bailiff
