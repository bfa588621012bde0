// SPDX-License-Identifier: Apache-2.0
// `bailiffctl vm|customer|host|order|job …`.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <span>
#include <string_view>

namespace bailiff {
namespace {

/// One column: its head, the field, and where the field lies inside another.
struct Column {
    const char* head;
    const char* field;
    const char* inner = nullptr;
};

/// "203.0.113.7 enforced, 203.0.113.8 lease"
std::string host_says(const Json& vm) {
    std::string out;
    if (const auto said = vm.find("host_addresses"); said != vm.end())
        for (const auto& one : *said) out += (out.empty() ? "" : ", ") + shown(one, "address") + " " + shown(one, "source");
    return out;
}

std::string cell(const Json& item, const Column& column) {
    if (std::string_view(column.field) == "host_addresses") return host_says(item);
    if (!column.inner) return shown_time(item, column.field);
    return shown(item, column.field, column.inner);
}

ExitCode show_list(Session& s, const std::optional<std::vector<Json>>& items, std::span<const Column> columns) {
    if (!items) return s.code();
    if (s.printed(*items)) return exit_ok;
    std::vector<std::string> head;
    for (const auto& column : columns) head.emplace_back(column.head);
    Table table(head);
    for (const auto& item : *items) {
        std::vector<std::string> row;
        for (const auto& column : columns) row.push_back(cell(item, column));
        table.row(std::move(row));
    }
    table.print(s.out);
    return exit_ok;
}

ExitCode show_one(Session& s, const std::optional<Json>& item, std::span<const Column> columns) {
    if (!item) return s.code();
    if (s.printed(*item)) return exit_ok;
    Table table({columns[0].head, cell(*item, columns[0])});
    for (const auto& column : columns.subspan(1)) table.row({column.head, cell(*item, column)});
    table.print(s.out);
    return exit_ok;
}

constexpr Column vm_columns[] = {{"VM", "id"}, {"NAME", "name"}, {"HOST", "host"}, {"CUSTOMER", "customer"}, {"POWER", "power"},
                                 {"STATE", "state"}, {"LOCKED", "locked"}, {"ADDRESSES", "addresses"}, {"SEEN", "seen_at"}};
constexpr Column one_vm_columns[] = {{"VM", "id"}, {"NAME", "name"}, {"HOST", "host"}, {"CUSTOMER", "customer"}, {"POWER", "power"},
                                     {"STATE", "state"}, {"LOCKED", "locked"}, {"ADDRESSES", "addresses"}, {"HOST SAYS", "host_addresses"}, {"SEEN", "seen_at"}};
constexpr Column customer_columns[] = {{"CUSTOMER", "id"}, {"NAME", "name"}, {"CONTACT", "contact", "name"}, {"E-MAIL", "contact", "email"},
                                       {"PHONE", "contact", "phone"}, {"LANGUAGE", "contact", "language"}, {"ZONE", "contact", "zone"},
                                       {"TOKENS", "tokens_charged"}, {"WARNING", "warning"}};
constexpr Column host_columns[] = {{"HOST", "id"}, {"CONNECTED", "connected"}, {"GATE", "gate_up"}, {"CLUSTER", "cluster"}, {"BANNED", "banned"},
                                   {"VERSION", "version"}, {"SEEN", "seen_at"}, {"TROUBLE", "trouble"}, {"SWEEP", "sweep"}};
constexpr Column order_columns[] = {{"ORDER", "order_id"}, {"CASE", "case"}, {"HOST", "host"}, {"VM", "vm_uuid"}, {"DESIRED", "desired"},
                                    {"DISPATCH", "dispatch"}, {"ISSUED", "issued_at"}, {"ANSWER", "answer", "status"}, {"TEXT", "answer", "text"}};
constexpr Column job_columns[] = {{"JOB", "job_id"}, {"CASE", "case"}, {"HOST", "host"}, {"VM", "vm_uuid"}, {"KIND", "kind"},
                                  {"DISPATCH", "dispatch"}, {"ANSWER", "answer", "status"}, {"TEXT", "answer", "text"}};

const char* const limit_text = "at most so many, 0 = all; default 50";

}  // namespace

ExitCode vm_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl vm list [OPTIONS]\nVMs by id.\n");
    a.value("host", "HOST", "on this host").value("address", "IP", "the one with this address").value("name", "NAME", "the one with this name")
        .value("limit", "N", limit_text);
    return online(a, arguments, {}, out, err, [](Session& s) {
        return show_list(s, s.list("/api/v1/vms", query_of(s.args, {"host", "address", "name"})), vm_columns);
    });
}
ExitCode vm_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl vm show VM [OPTIONS]\nOne VM.\n");
    return online(a, arguments, {"VM"}, out, err, [](Session& s) { return show_one(s, s.ask("GET", "/api/v1/vms/" + url_escaped(s.words[0])), one_vm_columns); });
}
ExitCode vm_set(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl vm set VM [OPTIONS]\n"
                "Says whose VM it is and where. What is not given stays; a VM that is not known yet needs name, host and customer.\n");
    a.value("name", "NAME", "its name").value("host", "HOST", "the host it runs on").value("customer", "ID", "whose it is")
        .value("address", "IP,IP", "its addresses, or networks of its own (2001:db8:7::/64), separated by commas; replaces those before");
    return online(a, arguments, {"VM"}, out, err, [](Session& s) {
        const std::string path = "/api/v1/vms/" + url_escaped(s.words[0]);
        Json body = Json::object();
        const auto before = s.client().ask("GET", path);
        if (!before || (before->status != 200 && before->status != 404)) return s.complain(before), s.code();
        if (const auto known = parse_json(before->body); before->status == 200 && known)
            for (const char* field : {"name", "host", "customer", "addresses"}) body[field] = known->value(field, Json());
        for (const char* option : {"name", "host", "customer"})
            if (s.args.has(option)) body[option] = s.args.text(option);
        if (s.args.has("address")) {
            body["addresses"] = Json::array();
            std::string one;
            for (const char c : s.args.text("address") + ",") {
                if (c != ',') one += c;
                else if (!one.empty()) body["addresses"].push_back(std::exchange(one, {}));
            }
        }
        return show_one(s, s.ask("PUT", path, body), vm_columns);
    });
}

ExitCode customer_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer list [OPTIONS]\nCustomers by id.\n");
    a.value("limit", "N", limit_text);
    return online(a, arguments, {}, out, err, [](Session& s) { return show_list(s, s.list("/api/v1/customers", ""), customer_columns); });
}
ExitCode customer_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer show CUSTOMER [OPTIONS]\nOne customer with the authorised contact.\n");
    return online(a, arguments, {"CUSTOMER"}, out, err,
                  [](Session& s) { return show_one(s, s.ask("GET", "/api/v1/customers/" + url_escaped(s.words[0])), customer_columns); });
}
ExitCode customer_set(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer set CUSTOMER --name NAME --contact NAME --email ADDRESS [OPTIONS]\n"
                "Sets a customer and the authorised contact, the person we write to and phone.\n");
    a.value("name", "NAME", "the customer").value("contact", "NAME", "the authorised contact").value("email", "ADDRESS", "where tickets go")
        .value("phone", "NUMBER", "whom staff phone").value("language", "CODE", "of the notices; default en")
        .value("zone", "ZONE", "where the contact lives: Asia/Kolkata");
    return online(a, arguments, {"CUSTOMER"}, out, err, [](Session& s) {
        Json contact = Json::object(), body = Json::object();
        for (const auto& [option, field] : {std::pair{"contact", "name"}, {"email", "email"}, {"phone", "phone"}, {"language", "language"}, {"zone", "zone"}})
            if (s.args.has(option)) contact[field] = s.args.text(option);
        if (s.args.has("name")) body["name"] = s.args.text("name");
        body["contact"] = std::move(contact);
        return show_one(s, s.ask("PUT", "/api/v1/customers/" + url_escaped(s.words[0]), body), customer_columns);
    });
}

ExitCode host_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host list [OPTIONS]\nHosts with their state.\n");
    a.value("limit", "N", limit_text);
    return online(a, arguments, {}, out, err, [](Session& s) { return show_list(s, s.list("/api/v1/hosts", ""), host_columns); });
}
ExitCode host_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host show HOST [OPTIONS]\nOne host.\n");
    return online(a, arguments, {"HOST"}, out, err,
                  [](Session& s) { return show_one(s, s.ask("GET", "/api/v1/hosts/" + url_escaped(s.words[0])), host_columns); });
}
ExitCode host_set(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host set HOST --cluster WORD [OPTIONS]\n"
                "Says which hosts can run each other's VMs: those with the same word. Before a VM is powered off, its lock is\n"
                "held on every host of its cluster. An empty word lets the host stand alone.\n");
    a.value("cluster", "WORD", "the host's cluster: west");
    return online(a, arguments, {"HOST"}, out, err, [](Session& s) {
        Json body = Json::object();
        if (s.args.has("cluster")) body["cluster"] = s.args.text("cluster");
        return show_one(s, s.ask("PUT", "/api/v1/hosts/" + url_escaped(s.words[0]), body), host_columns);
    });
}
ExitCode host_enrol_token(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host enrol-token HOST [OPTIONS]\nMakes the one-time token with which this host enrols. It is shown this once.\n");
    return online(a, arguments, {"HOST"}, out, err, [](Session& s) {
        const auto answer = s.ask("POST", "/api/v1/hosts/" + url_escaped(s.words[0]) + "/enrolment-tokens");
        if (!answer) return s.code();
        if (s.printed(*answer)) return exit_ok;
        Table table({"host", shown(*answer, "host")});
        table.row({"token", shown(*answer, "token")});
        table.row({"CA SHA-256", shown(*answer, "ca_sha256")});
        table.row({"expires", shown(*answer, "expires_at")});
        table.print(s.out);
        return exit_ok;
    });
}
ExitCode host_ban(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host ban HOST [OPTIONS]\nShuts a host out: its connection closes and it cannot come back.\n");
    return online(a, arguments, {"HOST"}, out, err,
                  [](Session& s) { return show_one(s, s.ask("POST", "/api/v1/hosts/" + url_escaped(s.words[0]) + "/ban"), host_columns); });
}
ExitCode host_unban(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl host unban HOST [OPTIONS]\nLets a banned host come back.\n");
    return online(a, arguments, {"HOST"}, out, err,
                  [](Session& s) { return show_one(s, s.ask("POST", "/api/v1/hosts/" + url_escaped(s.words[0]) + "/unban"), host_columns); });
}

ExitCode order_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl order list [OPTIONS]\nOrders of a case, or all that are open.\n");
    a.value("case", "CASE", "of this case, finished ones too").value("host", "HOST", "open ones of this host").value("limit", "N", limit_text);
    return online(a, arguments, {}, out, err,
                  [](Session& s) { return show_list(s, s.list("/api/v1/orders", query_of(s.args, {"case", "host"})), order_columns); });
}
ExitCode job_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl job list [OPTIONS]\nJobs of a case, or all that are open.\n");
    a.value("case", "CASE", "of this case, finished ones too").value("host", "HOST", "open ones of this host").value("limit", "N", limit_text);
    return online(a, arguments, {}, out, err,
                  [](Session& s) { return show_list(s, s.list("/api/v1/jobs", query_of(s.args, {"case", "host"})), job_columns); });
}

}  // namespace bailiff
