// SPDX-License-Identifier: Apache-2.0
// From a form to a request of the API and from its answer to a page.
#include "controller/web/report_form.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/id.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <functional>
#include <optional>
#include <utility>

namespace bailiff {

struct ReportForm::Visit {
    HttpRequest request;
    Form form;
};

namespace {

constexpr std::string_view reports_path = "/api/v1/reports", account_path = "/api/v1/me";
constexpr size_t longest_pasted = 1 << 20, largest_mail = 25u << 20;
constexpr std::array<const char*, 5> fact_fields{"type", "machine", "reporter", "observed_at", "summary"};

/// An answer of the API on its way to becoming a page.
class Relay final : public HttpExchange {
  public:
    explicit Relay(std::function<void(HttpResponse)> done) : done_(std::move(done)) {}
    void answer(HttpResponse response) override { done_(std::move(response)); }
    std::shared_ptr<EventStream> stream(HttpFields) override { return nullptr; }

  private:
    const std::function<void(HttpResponse)> done_;
};

/// The token of "Authorization: Basic …" as the API takes it; "" without one.
std::string bearer_of(const HttpRequest& request) {
    constexpr std::string_view scheme = "Basic ";
    const std::string_view field = request.header("authorization");
    if (!field.starts_with(scheme) || field.size() > 1024) return {};
    const auto pair = unbase64(field.substr(scheme.size()));
    const size_t colon = pair ? pair->find(':') : std::string::npos;
    return colon == std::string::npos ? std::string() : "Bearer " + pair->substr(colon + 1);
}

/// The same visitor at another door of the API.
HttpRequest to_api(const HttpRequest& from, std::string_view method, std::string_view path, std::string_view type) {
    HttpRequest out;
    out.method = method;
    out.path = out.target = path;
    out.peer_address = from.peer_address;
    if (const std::string token = bearer_of(from); !token.empty()) out.headers["authorization"] = token;
    if (!type.empty()) out.headers["content-type"] = type;
    if (const auto length = from.header("content-length"); !type.empty()) out.headers["content-length"] = length;
    return out;
}

/// A browser sends what it was signed in with along with another site's form too. Current ones say where a form came from,
/// older ones at least its origin; only programs say neither, and nobody can make those send anything.
bool from_another_site(const HttpRequest& request) {
    const auto site = request.header("sec-fetch-site");
    if (!site.empty()) return site != "same-origin";
    const auto origin = request.header("origin");
    const size_t authority = origin.find("://");
    return !origin.empty() && (authority == std::string_view::npos || origin.substr(authority + 3) != request.header("host"));
}

bool is_ip_address(const std::string& text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text.erase(0, std::min(text.find_first_not_of(" \n"), text.size()));
}

/// What was pasted need not begin with header fields; without the empty line its first lines would be taken for some.
std::string mail_of(const std::string& pasted) {
    const std::string first = pasted.substr(0, pasted.find('\n'));
    const size_t colon = first.find(':');
    const bool field = colon != std::string::npos && colon > 0 && first.substr(0, colon).find_first_of(" \t/") == std::string::npos;
    return field || first.starts_with("From ") ? pasted : "\n" + pasted;
}

Json report_of(const Form& form) {
    Json out = Json::object();
    for (const char* field : fact_fields) {
        std::string value = trimmed(form.text(field));
        if (value.empty()) continue;
        if (std::string_view(field) != "machine") out[field] = std::move(value);
        else if (is_uuid(value)) out["vm"] = std::move(value);
        else if (is_ip_address(value)) out["address"] = std::move(value);
        else out["vm_name"] = std::move(value);
    }
    return out;
}

/// The field of the form that a mistake of the API's document is about.
std::string field_at(const std::string& pointer) {
    const std::string name = pointer.substr(pointer.empty() ? 0 : 1);
    return std::find(fact_fields.begin(), fact_fields.end(), name) != fact_fields.end() ? name : "machine";
}

std::string text_in(const Json& json, const char* field) {
    return json.is_object() && json.contains(field) && json.at(field).is_string() ? json.at(field).get<std::string>() : std::string();
}

}  // namespace

ReportForm::ReportForm(HttpHandlers api, PageTexts texts, Random& random) : api_(std::move(api)), texts_(std::move(texts)), random_(random) {}

HttpHandlers ReportForm::handlers() {
    HttpHandlers out = api_;
    out.admit = [this](const HttpRequest& header, Admit admit_) { header.path == path ? admit(header, admit_) : api_.admit(header, std::move(admit_)); };
    out.handle = [this](HttpRequest request, Respond respond) {
        request.path == path ? handle(std::move(request), respond) : api_.handle(std::move(request), std::move(respond));
    };
    return out;
}

HttpResponse ReportForm::page(const HttpRequest& request, int status, Json view) const {
    const auto accepted = request.header("accept-language");
    const std::string language = texts_.language_of(accepted.substr(0, std::min(accepted.find_first_of(",;"), accepted.size())));
    view["lang"] = language;
    HttpResponse out{status, {{"Content-Type", "text/html; charset=utf-8"}, {"Content-Language", language}}, texts_.render(language, view)};
    out.headers.emplace_back("Content-Security-Policy", "default-src 'none'; style-src " + texts_.style_source() +
                                                            "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    // Unlike on the customers' page, the origin is wanted: it tells our own form from another site's.
    out.headers.emplace_back("Referrer-Policy", "same-origin");
    return out;
}

HttpResponse ReportForm::refused(const HttpRequest& request, const HttpResponse& by_api) const {
    const auto json = parse_json(by_api.body, {1 << 20, 32});
    HttpResponse out = page(request, by_api.status, {{"problem", json ? text_in(*json, "detail") : by_api.body}});
    for (const auto& [field, value] : by_api.headers)
        if (field == "Retry-After") out.headers.emplace_back(field, value);
    if (by_api.status == 401) out.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Bailiff: any name, and your token as the password\", charset=\"UTF-8\"");
    return out;
}

void ReportForm::admit(const HttpRequest& header, const Admit& admit) {
    const auto refuse = [&](int status, const std::string& text) { admit({page(header, status, {{"problem", text}}), 0}); };
    const bool post = header.method == "POST";
    if (!post && header.method != "GET" && header.method != "HEAD") {
        HttpResponse out = page(header, 405, {{"problem", "This address takes GET, HEAD and POST."}});
        out.headers.emplace_back("Allow", "GET, HEAD, POST");
        return admit({std::move(out), 0});
    }
    if (post && from_another_site(header)) return refuse(403, "This form came from another site. Open " + std::string(path) + " here and fill it in again.");
    if (post && !is_form(header.header("content-type"))) return refuse(415, "This address takes what browsers send; programs use " + std::string(reports_path) + ".");
    // Signing in comes before the body. As large as a mail may be, whatever the form holds.
    const HttpRequest asked = post ? to_api(header, "POST", reports_path, "message/rfc822") : to_api(header, "GET", account_path, "");
    api_.admit(asked, [this, header, admit](Admission by_api) {
        if (by_api.refusal) by_api.refusal = refused(header, *by_api.refusal);
        admit(std::move(by_api));
    });
}

void ReportForm::handle(HttpRequest request, const Respond& respond) {
    const auto visit = std::make_shared<Visit>();
    const std::string body = std::exchange(request.body, {});
    visit->request = std::move(request);
    if (visit->request.method != "POST") {
        const auto show = std::make_shared<Relay>([this, visit, respond](const HttpResponse& by_api) {
            const auto json = parse_json(by_api.body);
            if (by_api.status != 200 || !json) return respond(refused(visit->request, by_api));
            respond(page(visit->request, 200, {{"form", true}, {"key", random_.hex128()}, {"account", text_in(*json, "name")}}));
        });
        return api_.handle(to_api(visit->request, "GET", account_path, ""), Respond(show));
    }
    FormLimits limits;
    limits.field_bytes = longest_pasted;
    limits.files = 1;
    limits.file_bytes = largest_mail;
    auto form = parse_form(visit->request.header("content-type"), body, limits);
    if (!form && form.error() != FormFault::text_too_large) return respond(page(visit->request, 400, {{"problem", "No browser sends such a form; open the page again."}}));
    if (!form || form->files_too_large)
        return respond(page(visit->request, 413, {{"problem", "This is more than a report may have: 1 MiB of text, or one mail of 25 MiB as a file."}}));
    visit->form = std::move(*form);
    hand_in(visit, respond);
}

void ReportForm::hand_in(const std::shared_ptr<Visit>& visit, const Respond& respond) {
    const Form& form = visit->form;
    const bool mail = form.text("what") == "mail";
    HttpRequest asked = to_api(visit->request, "POST", reports_path, mail ? "message/rfc822" : "application/json");
    if (!mail) asked.body = dump_json(report_of(form));
    else if (!form.files.empty()) asked.body = form.files.front().bytes;
    else if (!trimmed(form.text("mail")).empty()) asked.body = mail_of(form.text("mail"));
    asked.headers["content-length"] = std::to_string(asked.body.size());
    if (asked.body.empty())
        return respond(page(visit->request, 422, {{"form", true}, {"wrong", true}, {"key", form.text("key")}, {"errors", {{{"text", "There is nothing in it: paste the mail, or choose its file."}, {"field", "mail"}}}}}));
    // The same form sent twice is one report; with other words in it ("back" in a browser) it is another.
    if (is_hex(form.text("key"), 32)) asked.headers["idempotency-key"] = form.text("key") + "-" + sha256_hex(asked.body).substr(0, 16);
    const auto relay = std::make_shared<Relay>([this, visit, respond](const HttpResponse& by_api) { respond(answered(*visit, by_api)); });
    api_.handle(std::move(asked), Respond(relay));
}

HttpResponse ReportForm::answered(const Visit& visit, const HttpResponse& by_api) const {
    const auto json = parse_json(by_api.body, {16 << 20, 64});
    if (by_api.status == 401 || by_api.status == 403 || by_api.status == 429 || !json) return refused(visit.request, by_api);
    if (by_api.status >= 400) {
        Json view{{"form", true}, {"wrong", true}, {"key", visit.form.text("key")}, {"errors", Json::array()}};
        for (const auto& [field, value] : visit.form.fields)
            if (field != "key" && field != "what") view["v_" + field] = value;
        if (json->contains("errors"))
            for (const auto& mistake : json->at("errors")) {
                const std::string field = field_at(text_in(mistake, "pointer"));
                view["errors"].push_back({{"text", field + " " + text_in(mistake, "text")}, {"field", field}});
                view["e_" + field] = text_in(mistake, "text");
            }
        else view["errors"].push_back({{"text", text_in(*json, "detail")}});
        return page(visit.request, by_api.status, std::move(view));
    }
    Json view{{"done", true}, {"reports", Json::array()}, {"key", ""}};
    if (json->contains("reports")) {
        view["delivery"] = text_in(*json, "id");
        view["delivery_triage"] = text_in(*json, "triage");
        view["folded"] = json->value("folded", false);
        view["no_abuse"] = text_in(*json, "state") == "not_abuse";
        view["filing"] = text_in(*json, "state") == "filing";
        for (const auto& report : json->at("reports")) view["reports"].push_back(report);
    } else {
        view["reports"].push_back({{"report", text_in(*json, "report")}, {"case", text_in(*json, "case")}, {"triage", text_in(*json, "triage")}});
    }
    return page(visit.request, by_api.status, std::move(view));
}

}  // namespace bailiff
