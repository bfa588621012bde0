// SPDX-License-Identifier: Apache-2.0
// The way of a visit: admission on its header, the form, one turn of the desk, the page.
#include "controller/web/statement_page.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/dsse.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <map>
#include <utility>

namespace bailiff {

/// What one request needs until its answer has left. A turn may be tried twice, so nothing here is used up.
struct StatementPage::Visit {
    HttpRequest request;
    std::string token_sha256;      ///< "" when the address holds no token
    std::string peer, wished;      ///< wished: the language that the address or the form names
    int64_t receipt = 0;
    std::optional<Form> form;
    std::optional<Respond> respond;
    std::chrono::milliseconds began{0};
    std::string case_id;
};

struct StatementPage::Found {
    core::Case c;
    const core::Policy* policy = nullptr;
    const core::Calendar* calendar = nullptr;
    std::string language;
};

namespace {

constexpr size_t token_digits = 64, most_characters = 5000;
constexpr std::string_view robots_path = "/robots.txt";
/// What `kind` says in the form that is no answer.
constexpr std::string_view appeal_kind = "appeal";

bool is_address(const std::string& text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/// "https://abuse.example" of "https://abuse.example/desk".
std::string origin_of(const std::string& url) {
    const size_t authority = url.find("://");
    return url.substr(0, authority == std::string::npos ? url.size() : std::min(url.find('/', authority + 3), url.size()));
}

int64_t number_in(const std::optional<std::string>& text) {
    int64_t out = 0;
    if (!text || text->empty() || text->size() > 12) return 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    return error == std::errc{} && end == text->data() + text->size() ? out : 0;
}

size_t characters_in(const std::string& text) {
    return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool blank(const std::string& text) { return text.find_first_not_of(" \n") == std::string::npos; }

/// The fields of each form; the first is the one that speaks for the whole form.
struct FormFields {
    std::vector<const char*> required, optional;
    const char* files;             ///< "" for a form without
};
const FormFields& fields_of(core::ReplyKind kind) {
    static const std::map<core::ReplyKind, FormFields> all{{core::ReplyKind::acknowledged, {{"plan"}, {}, ""}},
                                                           {core::ReplyKind::fixed, {{"steps", "root_cause", "prevention"}, {}, "files"}},
                                                           {core::ReplyKind::fix_request, {{"consent"}, {"remark"}, ""}},
                                                           {core::ReplyKind::dispute, {{"reason"}, {}, "proof"}}};
    return all.at(kind);
}
const FormFields& fields_of_appeal() {
    static const FormFields fields{{"appeal"}, {}, ""};
    return fields;
}

/// What is missing or too long, field by field, with all that was typed.
PageEntry judged(const Form& form, const FormFields& fields) {
    PageEntry entry;
    for (const char* field : fields.required) {
        entry.values[field] = form.text(field);
        if (std::string_view(field) == "consent") {
            if (form.text(field) != "yes") entry.errors.emplace_back(field, "error_consent");
        } else if (blank(form.text(field))) {
            entry.errors.emplace_back(field, "error_empty");
        }
    }
    for (const char* field : fields.optional) entry.values[field] = form.text(field);
    for (const auto& [field, text] : entry.values)
        if (characters_in(text) > most_characters) entry.errors.emplace_back(field, "error_long");
    if (form.files_too_large && *fields.files) entry.errors.emplace_back(fields.files, "error_files");
    return entry;
}

/// What was typed, without the lines that were left empty at its end.
std::string text_of(const Form& form, const char* field) {
    std::string given = form.text(field);
    given.erase(given.find_last_not_of(" \n") + 1);
    return given;
}

core::Reply reply_of(const Form& form, core::ReplyKind kind) {
    core::Reply out;
    out.channel = core::Channel::page;
    out.kind = kind;
    const auto text = [&](const char* field) { return text_of(form, field); };
    out.steps = text("steps");
    out.root_cause = text("root_cause");
    out.prevention = text("prevention");
    switch (kind) {
        case core::ReplyKind::fixed: break;
        case core::ReplyKind::fix_request: out.text = text("remark"); break;
        case core::ReplyKind::dispute: out.text = text("reason"); break;
        case core::ReplyKind::acknowledged: out.text = text("plan"); break;
    }
    if (kind != core::ReplyKind::fixed) out.steps = out.root_cause = out.prevention = "";
    return out;
}

/// The same form sent twice is one statement; the same form with other words in it (a browser's "back") is another.
std::string print_of(const Form& form) {
    std::string all;
    const auto add = [&](std::string_view text) { all += std::to_string(text.size()) + ":" + std::string(text); };
    for (const auto& [field, text] : form.fields) add(field), add(text);
    for (const auto& file : form.files) add(file.name), add(sha256_hex(file.bytes));
    return sha256_hex(all);
}

std::vector<core::HistoryItem> answers_in(Storage& storage, const core::Case& c) {
    constexpr size_t at_once = 500;
    std::vector<core::HistoryItem> out;
    for (int64_t after = 0; after < c.revision;) {
        const auto items = storage.history(c.id, after, at_once);
        if (items.empty()) break;
        for (const auto& item : items)
            if (std::holds_alternative<core::ReplyRecorded>(item.fact) || std::holds_alternative<core::AppealLodged>(item.fact)) out.push_back(item);
        after = items.back().revision;
    }
    return out;
}

}  // namespace

StatementPage::StatementPage(StatementPageParts parts, PageTexts texts, std::function<void(const PageLogLine&)> log)
    : parts_(std::move(parts)), texts_(std::move(texts)), log_(std::move(log)) {}

HttpHandlers StatementPage::handlers() {
    HttpHandlers out;
    out.admit = [this](const HttpRequest& header, Admit admit_) { admit(header, admit_); };
    out.handle = [this](HttpRequest request, Respond respond) { handle(std::move(request), respond); };
    return out;
}

/// Whom the limits count. Each proxy adds the address that it saw at the right end; what stands left of the first address
/// that is no proxy of ours is a stranger's word.
std::string StatementPage::peer_of(const HttpRequest& request) const {
    std::string peer = request.peer_address;
    std::string_view chain = request.header("x-forwarded-for");
    while (!chain.empty() && std::find(parts_.proxies.begin(), parts_.proxies.end(), peer) != parts_.proxies.end()) {
        const size_t comma = chain.rfind(',');
        const std::string last = clean_line(comma == std::string_view::npos ? chain : chain.substr(comma + 1), 64);
        if (!is_address(last)) break;
        peer = last;
        chain = chain.substr(0, comma == std::string_view::npos ? 0 : comma);
    }
    return peer;
}

/// Browsers say where a form came from. Our own page's `Referrer-Policy: no-referrer` makes older ones, which send no
/// Sec-Fetch-Site, say "null"; programs say nothing. Neither tells of another site.
bool StatementPage::from_elsewhere(const HttpRequest& request) const {
    const auto site = request.header("sec-fetch-site");
    if (!site.empty()) return site != "same-origin";
    const auto origin = request.header("origin");
    return !origin.empty() && origin != "null" && origin != origin_of(parts_.url);
}

std::shared_ptr<StatementPage::Visit> StatementPage::visit_of(const HttpRequest& request) const {
    auto visit = std::make_shared<Visit>();
    visit->request = request;
    visit->peer = peer_of(request);
    visit->began = parts_.clock->monotonic();
    if (request.path.starts_with(page_path)) {
        const std::string token = request.path.substr(page_path.size());
        if (is_hex(token, token_digits)) visit->token_sha256 = sha256_hex(token);
    }
    const auto lang = request.query_value("lang");
    visit->wished = lang && texts_.has(*lang) ? *lang : "";
    visit->receipt = number_in(request.query_value("receipt"));
    return visit;
}

HttpResponse StatementPage::html(int status, const std::string& language, const Json& view) const {
    HttpResponse out{status, {{"Content-Type", "text/html; charset=utf-8"}}, texts_.render(language, view)};
    out.headers.emplace_back("Content-Language", language);
    out.headers.emplace_back("Content-Security-Policy", "default-src 'none'; style-src " + texts_.style_source() +
                                                            "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    out.headers.emplace_back("X-Robots-Tag", "noindex, nofollow");
    // A listener without TLS stands behind a proxy that has it.
    if (parts_.url.starts_with("https://")) out.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
    return out;
}

HttpResponse StatementPage::problem(const Visit& visit, int status, const std::string& key) const {
    // Whoever has no case to show has at most a browser that says which language it wants.
    const auto accepted = visit.request.header("accept-language");
    const auto first = accepted.substr(0, std::min(accepted.find_first_of(",;"), accepted.size()));
    const std::string language = texts_.language_of(visit.wished.empty() ? first : std::string_view(visit.wished));
    HttpResponse out = html(status, language, problem_view(texts_, language, key));
    if (status == 429 || status == 503) out.headers.emplace_back("Retry-After", "60");
    if (status == 405) out.headers.emplace_back("Allow", "GET, HEAD, POST");
    return out;
}

void StatementPage::finish(const Visit& visit, const HttpResponse& response) const {
    const std::string asked = visit.form ? visit.form->text("kind") : "";
    const std::string what = asked == appeal_kind || parse_name<core::ReplyKind>(asked) ? asked : "";
    if (log_) log_({visit.request.method, what, visit.case_id, visit.peer, response.status, parts_.clock->monotonic() - visit.began});
    if (visit.respond) (*visit.respond)(response);
}

void StatementPage::admit(const HttpRequest& header, const Admit& admit) {
    const auto visit = visit_of(header);
    const auto refuse = [this, visit, admit](int status, const std::string& key) {
        HttpResponse response = problem(*visit, status, key);
        finish(*visit, response);
        admit({std::move(response), 0});
    };
    const bool post = header.method == "POST", get = header.method == "GET" || header.method == "HEAD";
    const auto length = header.header("content-length");
    if (header.path == robots_path && get) return admit({std::nullopt, 0});
    if (!header.path.starts_with(page_path)) return refuse(404, "not_found");
    if (!post && !get) return refuse(405, "method");
    if (limiter_.blocked(visit->peer, visit->token_sha256, parts_.clock->monotonic())) return refuse(429, "too_many");
    if (visit->token_sha256.empty()) {
        limiter_.failed(visit->peer, parts_.clock->monotonic());
        return refuse(404, "not_found");
    }
    if (get) return !length.empty() && length != "0" ? refuse(413, "too_large") : admit({std::nullopt, 0});
    if (from_elsewhere(header)) return refuse(403, "foreign");
    if (!is_form(header.header("content-type"))) return refuse(415, "unreadable");
    if (const int64_t bytes = number_in(std::string(length)); length.size() > 12 || bytes > int64_t(largest_body)) return refuse(413, "too_large");
    // A body costs memory: who has no token does not get that far.
    DeskTurn turn;
    turn.work = [this, visit, admit](Desk& desk) -> std::function<void()> {
        if (find(desk, *visit)) return [admit] { admit({std::nullopt, largest_body}); };
        HttpResponse response = problem(*visit, 404, "not_found");
        return [this, visit, admit, response = std::move(response)] {
            finish(*visit, response);
            admit({response, 0});
        };
    };
    turn.failed = [refuse](const std::string&) { refuse(503, "outage"); };
    if (!parts_.post(std::move(turn))) refuse(503, "outage");
}

void StatementPage::handle(HttpRequest request, const Respond& respond) {
    const std::string body = std::exchange(request.body, {});
    const auto visit = visit_of(request);
    visit->respond = respond;
    if (request.path == robots_path) return finish(*visit, {200, {{"Content-Type", "text/plain; charset=utf-8"}}, "User-agent: *\nDisallow: /\n"});
    if (request.method == "POST") {
        auto form = parse_form(request.header("content-type"), body);
        if (!form) return finish(*visit, form.error() == FormFault::text_too_large ? problem(*visit, 413, "too_large") : problem(*visit, 400, "unreadable"));
        if (visit->wished.empty() && texts_.has(form->text("lang"))) visit->wished = form->text("lang");
        visit->form = std::move(*form);
    }
    DeskTurn turn;
    turn.work = [this, visit](Desk& desk) -> std::function<void()> {
        HttpResponse response = visit->form ? take(desk, *visit) : show(desk, *visit);
        return [this, visit, response = std::move(response)] { finish(*visit, response); };
    };
    turn.failed = [this, visit](const std::string&) { finish(*visit, problem(*visit, 503, "outage")); };
    if (!parts_.post(std::move(turn))) finish(*visit, problem(*visit, 503, "outage"));
}

/// The case of the address. Only the token's hash is looked up, so that the time of a look-up tells nothing of a token.
std::optional<StatementPage::Found> StatementPage::find(Desk& desk, Visit& visit) {
    const auto id = desk.storage().case_of_token(TokenUse::page, visit.token_sha256);
    auto c = id ? desk.storage().find_case(desk.in_charge(*id)) : std::nullopt;
    if (!c) {
        limiter_.failed(visit.peer, parts_.clock->monotonic());
        return std::nullopt;
    }
    limiter_.succeeded(visit.token_sha256);
    visit.case_id = c->id.text();
    Found out;
    out.policy = desk.policies().find(c->policy, c->policy_revision);
    out.calendar = out.policy ? desk.policies().calendar_of(*out.policy) : nullptr;
    if (!out.calendar)
        throw StorageOutage("Case " + c->id.text() + " pins policy " + c->policy.text() + ", which is not loaded with its calendar; put the files back.");
    out.language = texts_.language_of(visit.wished.empty() ? c->contact.language : visit.wished);
    out.c = std::move(*c);
    return out;
}

HttpResponse StatementPage::page(Desk& desk, const Visit& visit, const Found& found, const PageEntry& entry, int status) {
    PageSituation s{found.c, *found.policy, *found.calendar, desk.now(), answers_in(desk.storage(), found.c), {}, visit.receipt, {}};
    const bool closed = found.c.phase == core::Phase::closed;
    if (!closed) {
        s.files = desk.storage().attachments_of(found.c.id);
        s.key = parts_.random->hex128();
    }
    return html(closed ? 410 : status, found.language, page_view(texts_, found.language, s, entry));
}

HttpResponse StatementPage::show(Desk& desk, Visit& visit) {
    const auto found = find(desk, visit);
    return found ? page(desk, visit, *found, {}, 200) : problem(visit, 404, "not_found");
}

HttpResponse StatementPage::taken_in(const Found& found, const StatementTaken& taken) const {
    return {303, {{"Location", "?receipt=" + std::to_string(taken.revision) + "&lang=" + found.language}}, ""};
}

HttpResponse StatementPage::take(Desk& desk, Visit& visit) {
    const Form& form = *visit.form;
    const bool appeal = form.text("kind") == appeal_kind;
    const auto kind = parse_name<core::ReplyKind>(form.text("kind"));
    if ((!kind && !appeal) || !is_hex(form.text("key"), 32)) return problem(visit, 400, "unreadable");
    const auto found = find(desk, visit);
    if (!found) return problem(visit, 404, "not_found");
    if (appeal) return take_appeal(desk, visit, *found);
    const FormFields& fields = fields_of(*kind);
    PageEntry entry = judged(form, fields);
    if (!entry.errors.empty()) return page(desk, visit, *found, entry, 422);

    Statement statement{found->c.id, reply_of(form, *kind), "", visit.peer, {}, print_of(form)};
    if (*kind == core::ReplyKind::fix_request) statement.consent = consent_words(texts_, found->language, found->c, *found->policy);
    if (*fields.files)
        for (const auto& file : form.files) statement.files.push_back({{}, 0, file.name, "", 0, {}, file.bytes});
    const auto taken = desk.take_statement(statement);
    if (taken) return taken_in(*found, *taken);
    switch (taken.error().code) {
        case Errc::conflict: return page(desk, visit, *found, entry, 409);
        case Errc::forbidden: {
            const auto on_page = [](const core::Reply& r) { return r.channel == core::Channel::page; };
            const bool many = std::count_if(found->c.replies.begin(), found->c.replies.end(), on_page) >= Desk::most_statements;
            if (*kind == core::ReplyKind::fix_request && !fix_offered(found->c, *found->policy)) entry.errors.emplace_back("consent", "error_not_now");
            else if (many || !*fields.files) entry.errors.emplace_back(fields.required.front(), "error_many");
            else entry.errors.emplace_back(fields.files, "error_files");
            return page(desk, visit, *found, entry, 422);
        }
        case Errc::not_found: return problem(visit, 404, "not_found");
        case Errc::invalid:
        case Errc::unavailable:
        case Errc::unknown_outcome: break;
    }
    return problem(visit, 503, "outage");
}

HttpResponse StatementPage::take_appeal(Desk& desk, const Visit& visit, const Found& found) {
    PageEntry entry = judged(*visit.form, fields_of_appeal());
    if (!entry.errors.empty()) return page(desk, visit, found, entry, 422);
    const auto taken = desk.take_appeal({found.c.id, text_of(*visit.form, "appeal"), print_of(*visit.form)});
    if (taken) return taken_in(found, *taken);
    switch (taken.error().code) {
        case Errc::conflict:
            entry.errors.emplace_back("appeal", core::pending_appeal(found.c) ? "error_appeal_waits" : "error_appeal_early");
            return page(desk, visit, found, entry, 409);
        case Errc::forbidden: entry.errors.emplace_back("appeal", "error_many"); return page(desk, visit, found, entry, 422);
        case Errc::not_found: return problem(visit, 404, "not_found");
        case Errc::invalid:
        case Errc::unavailable:
        case Errc::unknown_outcome: break;
    }
    return problem(visit, 503, "outage");
}

}  // namespace bailiff
