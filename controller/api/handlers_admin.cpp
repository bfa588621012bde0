// SPDX-License-Identifier: Apache-2.0
// Policies, the audit chain, the laboratory's clock, accounts, health and figures.
#include "controller/api/accounts.hpp"
#include "controller/api/handlers.hpp"
#include "controller/api/openapi_text.hpp"
#include "controller/api/views.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/system_clock.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace bailiff {

HttpResponse list_policies(ApiCall& call) {
    std::vector<Json> items;
    const auto& policies = call.desk.policies();
    for (const auto& [id, policy] : policies.in_force) items.push_back(policy_json(policy, policies.calendar_of(policy), false));
    const size_t all = items.size();
    return page_answer(std::move(items), all, "id");
}

HttpResponse show_policy(ApiCall& call) {
    QueryReader query(call.request);
    const int64_t revision = query.integer("revision", 1, 1'000'000'000, 0);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto& policies = call.desk.policies();
    const PolicyId id(call.values[0]);
    const auto in_force = policies.in_force.find(id);
    const core::Policy* policy = revision ? policies.find(id, revision) : in_force == policies.in_force.end() ? nullptr : &in_force->second;
    if (!policy) return problem(404, "There is no such policy; GET /api/v1/policies lists those in force.");
    return json_answer(200, policy_json(*policy, policies.calendar_of(*policy), true));
}

HttpResponse check_policy(ApiCall& call) {
    const auto mistakes = call.parts.check_policy(call.request.body);
    Json list = Json::array();
    for (const auto& m : mistakes) list.push_back({{"pointer", m.pointer}, {"text", m.text}});
    return json_answer(200, {{"ok", mistakes.empty()}, {"mistakes", std::move(list)}});
}

/// JSON lines, a page of them; `Link: <…>; rel="next"` says that there are more. The checkpoints follow the last item.
HttpResponse export_audit(ApiCall& call) {
    QueryReader query(call.request);
    const int64_t after = query.integer("after", 0, int64_t{1} << 53, 0);
    const auto limit = size_t(query.integer("limit", 1, 5000, 1000));
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto items = call.storage().chain(after, limit);
    HttpResponse out{200, {{"Content-Type", "application/jsonl"}}, {}};
    for (const auto& item : items) out.body += dump_json(chained_json(item)) + "\n";
    if (items.size() == limit) {
        out.headers.emplace_back("Link", "</api/v1/audit/export?after=" + std::to_string(items.back().position) +
                                             "&limit=" + std::to_string(limit) + ">; rel=\"next\"");
    } else {
        for (const auto& checkpoint : call.storage().checkpoints()) out.body += dump_json(checkpoint_json(checkpoint)) + "\n";
        // The revision of every case's row: with it a cut-off tail shows even after the last checkpoint.
        Json revisions = Json::object();
        CaseFilter filter;
        filter.limit = 500;
        for (auto cases = call.storage().list_cases(filter); !cases.empty(); cases = call.storage().list_cases(filter)) {
            for (const auto& c : cases) revisions[c.id.text()] = c.revision;
            filter.before = cases.back().id;
        }
        out.body += dump_json({{"cases", std::move(revisions)}}) + "\n";
        if (!call.parts.public_key.empty()) out.body += dump_json({{"key", call.parts.public_key}}) + "\n";
    }
    return out;
}

namespace {

HttpResponse no_lab_clock() {
    return problem(404, "This controller runs on the machine's clock; only one started with --lab-clock can be advanced.");
}

Json clock_json(ApiCall& call) {
    Json out{{"now", format_rfc3339(call.desk.now())}, {"offset_seconds", LabClock(call.parts.lab_clock_file).offset().count()}};
    if (const auto due = call.desk.next_due()) out["next_deadline"] = format_rfc3339(*due);
    return out;
}

/// Written aside and renamed, so that agents that read the same file never see half a number.
bool write_offset(const std::string& path, Seconds offset) {
    const std::string beside = path + ".new";
    {
        std::ofstream file(beside, std::ios::trunc);
        file << offset.count() << "\n";
        if (!file.flush()) return false;
    }
    return std::rename(beside.c_str(), path.c_str()) == 0;
}

}  // namespace

HttpResponse show_clock(ApiCall& call) {
    if (call.parts.lab_clock_file.empty()) return no_lab_clock();
    return json_answer(200, clock_json(call));
}

HttpResponse advance_clock(ApiCall& call) {
    if (call.parts.lab_clock_file.empty()) return no_lab_clock();
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const bool by = read.has("advance"), to = read.has("to"), deadline = read.has("to_next_deadline");
    const Seconds advance = read.duration("advance", false);
    const Instant instant = read.instant("to", false);
    if (deadline && !read.boolean("to_next_deadline")) read.mistake("to_next_deadline", "must be true, or left out");
    read.finish();
    if (by + to + deadline != 1 && call.body.is_object())
        read.mistake("", "needs exactly one of advance (PT1H), to (an instant) and to_next_deadline (true)");
    if (!mistakes.empty()) return problem(mistakes);
    const Instant now = call.desk.now();
    Instant target = by ? now + advance : instant;
    if (deadline) {
        const auto due = call.desk.next_due();
        if (!due) return problem(409, "No deadline stands; there is nothing to advance to.");
        target = std::max(*due, now);
    }
    if (target < now) return problem(409, "The clock stands at " + format_rfc3339(now) + " and never goes back.");
    if (!write_offset(call.parts.lab_clock_file, LabClock(call.parts.lab_clock_file).offset() + (target - now)))
        return problem(503, "The clock's file " + call.parts.lab_clock_file + " cannot be written: " + std::strerror(errno) + ".");
    const size_t taken = call.desk.tick();
    Json out = clock_json(call);
    out["deadlines_taken"] = taken;
    return json_answer(200, out);
}

namespace {
Json account_json(const Account& a) { return {{"name", a.name}, {"role", name(a.role)}, {"disabled", a.disabled}}; }

std::optional<Account> find_account(ApiCall& call, const std::string& wanted) {
    for (auto& account : call.storage().accounts())
        if (account.name == wanted) return account;
    return std::nullopt;
}
}  // namespace

HttpResponse list_webhooks(ApiCall& call) {
    std::vector<Json> items;
    const int64_t head = call.storage().chain_position();
    for (const auto& hook : call.desk.options().webhooks) {
        const auto state = call.storage().find_webhook(hook.id).value_or(WebhookState{hook.id, head, 0, {}, ""});
        // Of the address only where it leads: some carry a key of the receiver's in their path.
        const size_t path = hook.url.find('/', hook.url.find("://") + 3);
        Json item{{"id", hook.id}, {"server", hook.url.substr(0, path)}, {"format", name(hook.format)}, {"facts", hook.facts},
                  {"items_behind", head - state.position}, {"failures", state.failures}, {"last_answer", state.last_answer}};
        if (state.failures > 0) item["next_try"] = format_rfc3339(state.next_try);
        items.push_back(std::move(item));
    }
    const size_t all = items.size();
    return page_answer(std::move(items), all, "id");
}

HttpResponse who_am_i(ApiCall& call) { return json_answer(200, account_json(call.account)); }

HttpResponse list_accounts(ApiCall& call) {
    std::vector<Json> items;
    for (const auto& account : call.storage().accounts()) items.push_back(account_json(account));
    const size_t all = items.size();
    return page_answer(std::move(items), all, "name");
}

HttpResponse add_account(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    Account account;
    account.name = read.text("name", 64);
    account.role = read.word("role", Role::analyst);
    read.finish();
    if (!account.name.empty() && !is_name(account.name))
        read.mistake("name", "must be 1 to 64 letters, digits, dots, hyphens or underscores");
    if (!mistakes.empty()) return problem(mistakes);
    if (find_account(call, account.name))
        return problem(409, "There is an account " + account.name + " already, and names are never used twice; choose another.");
    const std::string token = new_token(*call.parts.random);
    account.token_sha256 = sha256_hex(token);
    call.storage().put_account(account);
    Json out = account_json(account);
    out["token"] = token;
    return json_answer(201, out);
}

HttpResponse disable_account(ApiCall& call) {
    auto account = find_account(call, call.values[0]);
    if (!account) return problem(404, "There is no account " + call.values[0] + "; GET /api/v1/accounts lists those there are.");
    bool another = false;
    for (const auto& other : call.storage().accounts())
        another = another || (other.name != account->name && other.role == Role::admin && !other.disabled);
    if (account->role == Role::admin && !another)
        return problem(409, "This is the last administrator; make another one first.");
    account->disabled = true;
    call.storage().put_account(*account);
    return json_answer(200, account_json(*account));
}

HttpResponse openapi_document(Api&, const HttpRequest&) {
    return {200, {{"Content-Type", "application/yaml"}}, std::string(openapi_text())};
}

HttpResponse health(Api&, const HttpRequest&) { return json_answer(200, {{"status", "ok"}}); }

HttpResponse readiness(Api& api, const HttpRequest&) {
    if (!api.parts().healthy()) return problem(503, "The last transaction failed; look at the controller's log and the database.");
    return json_answer(200, {{"status", "ready"}, {"waiting", api.parts().waiting()}, {"version", api.parts().version}});
}

HttpResponse show_metrics(ApiCall& call) {
    std::vector<Metric> out;
    for (size_t hundreds = 2; hundreds < 6; ++hundreds)
        out.push_back({"bailiff_api_answers_total", "Answers of the API by class of status.", true,
                       {{"class", std::to_string(hundreds) + "xx"}}, double(call.api.answers(hundreds))});
    out.push_back({"bailiff_desk_waiting", "Turns waiting for the desk.", false, {}, double(call.parts.waiting())});
    out.push_back({"bailiff_listeners", "Open streams of changes.", false, {}, double(call.parts.feed->listeners())});
    size_t connected = 0, hosts = 0;
    for (const auto& host : call.storage().hosts()) {
        ++hosts;
        connected += call.parts.hosts->connected(host.id);
    }
    out.push_back({"bailiff_hosts", "Hosts known.", false, {}, double(hosts)});
    out.push_back({"bailiff_hosts_connected", "Hosts connected now.", false, {}, double(connected)});
    out.push_back({"bailiff_orders_open", "Orders issued and not yet finished.", false, {}, double(call.storage().open_orders({}).size())});
    out.push_back({"bailiff_jobs_open", "Jobs issued and not yet finished.", false, {}, double(call.storage().open_jobs({}).size())});
    const auto due = call.desk.next_due();
    out.push_back({"bailiff_sanctions_last_hour", "Machines that the clock alone took; at --sanctions-per-hour it stops.", false, {},
                   double(call.desk.sanctions_lately())});
    out.push_back({"bailiff_deadline_lag_seconds", "How late the earliest deadline is being taken.", false, {},
                   due && *due < call.desk.now() ? double((call.desk.now() - *due).count()) : 0});
    if (call.parts.more_metrics) call.parts.more_metrics(out);
    return {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, metrics_text(out)};
}

}  // namespace bailiff
