// SPDX-License-Identifier: Apache-2.0
// VMs, customers, hosts, and the orders and jobs on their way.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"
#include "controller/desk/mail_address.hpp"
#include "controller/inventory/width.hpp"

namespace bailiff {
namespace {

HttpResponse missing(const char* what, const std::string& id) {
    return problem(404, "There is no " + std::string(what) + " '" + id + "'; the list at the address above shows those there are.");
}

/// A page out of a list that the storage gives whole: what follows `cursor`.
template <class T, class View, class IdOf>
HttpResponse page_of(const std::vector<T>& all, const std::string& cursor, size_t limit, const char* id_field, View view, IdOf id_of) {
    std::vector<Json> items;
    bool after = cursor.empty();
    for (const T& one : all) {
        if (after && items.size() <= limit) items.push_back(view(one));
        if (!after && id_of(one) == cursor) after = true;
    }
    return page_answer(std::move(items), limit, id_field);
}

}  // namespace

HttpResponse list_vms(ApiCall& call) {
    QueryReader query(call.request);
    const HostId host(query.id("host"));
    const std::string address = query.text("address"), vm_name = query.text("name");
    const VmId after(query.cursor());
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    if (!address.empty() || !vm_name.empty()) {
        const auto found = !address.empty() ? call.storage().vm_by_address(address) : call.storage().vm_by_name(vm_name);
        if (found) items.push_back(vm_json(*found));
    } else {
        for (const auto& vm : call.storage().vms(host, after, limit + 1)) items.push_back(vm_json(vm));
    }
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_vm(ApiCall& call) {
    const auto vm = call.storage().find_vm(VmId(call.values[0]));
    return vm ? json_answer(200, vm_json(*vm)) : missing("VM", call.values[0]);
}

HttpResponse put_vm(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const VmId id(call.values[0]);
    const auto before = call.storage().find_vm(id);
    Vm vm = before.value_or(Vm{});   // what agents observed of it is theirs to say
    vm.id = id;
    vm.name = read.text("name", 256);
    vm.host = HostId(read.text("host", 64));
    vm.customer = CustomerId(read.text("customer", 128));
    vm.addresses = read.texts("addresses", false, 64);
    read.finish();
    for (auto& address : vm.addresses) {
        const auto prefix = parse_prefix(address);
        if (!prefix) read.mistake("addresses", prefix.error().text);
        else if (!fits_one_vm(*prefix)) read.mistake("addresses", "'" + address + "' is too wide for one VM; " + widest_of_one_vm);
        else address = text_of(*prefix);   // one text for each, by which it is found again
    }
    if (!is_uuid(id.text())) read.mistake("", "the address must end with the VM's UUID in lower case");
    if (!vm.host.empty() && !is_name(vm.host.text())) read.mistake("host", "must be a host's name");
    if (!vm.customer.empty() && !call.storage().find_customer(vm.customer))
        read.mistake("customer", "is not known; PUT /api/v1/customers/" + vm.customer.text() + " first");
    for (const auto& address : vm.addresses)
        if (const auto other = call.storage().vm_by_address(address); other && other->id != id)
            read.mistake("addresses", "has " + address + ", which belongs to VM " + other->id.text() + "; take it from there first");
    if (!mistakes.empty()) return problem(mistakes);
    call.desk.put_vm(vm);
    return json_answer(before ? 200 : 201, vm_json(vm));
}

HttpResponse list_customers(ApiCall& call) {
    QueryReader query(call.request);
    const CustomerId after(query.text("cursor"));
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    for (const auto& customer : call.storage().customers(after, limit + 1)) items.push_back(customer_json(customer, contacts_in_order(call.storage(), customer)));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_customer(ApiCall& call) {
    const auto customer = call.storage().find_customer(CustomerId(call.values[0]));
    return customer ? json_answer(200, customer_json(*customer, contacts_in_order(call.storage(), *customer))) : missing("customer", call.values[0]);
}

HttpResponse put_customer(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const CustomerId id(call.values[0]);
    const auto before = call.storage().find_customer(id);
    Customer customer = before.value_or(Customer{});
    customer.id = id;
    customer.name = read.text("name", 256);
    if (auto contact = read.object("contact")) {
        customer.contact.name = contact->text("name", 256);
        customer.contact.email = contact->text("email", 254);
        customer.contact.phone = contact->optional_text("phone", 64);
        customer.contact.language = contact->optional_text("language", 16);
        customer.contact.zone = contact->optional_text("zone", 64);
        contact->finish();
        if (customer.contact.language.empty()) customer.contact.language = "en";
        const auto& email = customer.contact.email;
        if (!email.empty() && !is_mail_address(email)) contact->mistake("email", "must be one plain address; write abuse@customer.example");
        if (!customer.contact.zone.empty() && local_in(customer.contact.zone, call.desk.now()).empty())
            contact->mistake("zone", "is no zone of the tz database; write Asia/Kolkata");
    }
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    call.storage().put_customer(customer);
    return json_answer(before ? 200 : 201, customer_json(customer, contacts_in_order(call.storage(), customer)));
}

HttpResponse list_hosts(ApiCall& call) {
    QueryReader query(call.request);
    const std::string cursor = query.cursor();
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    return page_of(call.storage().hosts(), cursor, limit, "id",
                   [&](const Host& host) { return host_json(host, call.parts.hosts->connected(host.id)); },
                   [](const Host& host) { return host.id.text(); });
}

HttpResponse show_host(ApiCall& call) {
    const auto host = call.storage().find_host(HostId(call.values[0]));
    return host ? json_answer(200, host_json(*host, call.parts.hosts->connected(host->id))) : missing("host", call.values[0]);
}

/// What staff say of a host; the rest is observed.
HttpResponse put_host(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    auto host = call.storage().find_host(HostId(call.values[0]));
    if (!host) return missing("host", call.values[0]);
    if (read.value("cluster")) host->cluster = read.text("cluster", 64, false);
    read.finish();
    if (!host->cluster.empty() && !is_name(host->cluster))
        read.mistake("cluster", "is 1 to 64 letters, digits, dots, hyphens or underscores, or empty for a host that stands alone");
    if (!mistakes.empty()) return problem(mistakes);
    call.storage().put_host(*host);
    call.desk.hosts_changed();
    return json_answer(200, host_json(*host, call.parts.hosts->connected(host->id)));
}

HttpResponse make_enrolment_token(ApiCall& call) {
    const HostId id(call.values[0]);
    if (!is_name(id.text()))
        return problem(422, "A host's name is 1 to 64 letters, digits, dots, hyphens or underscores.");
    if (const auto host = call.storage().find_host(id); host && host->banned)
        return problem(409, "The host " + id.text() + " is banned; lift the ban first, if it may come back.");
    const auto token = call.parts.hosts->enrolment_token(id);
    if (!token) return problem(token.error());
    return json_answer(201, {{"host", id.text()}, {"token", token->token}, {"ca_sha256", token->ca_sha256},
                             {"expires_at", format_rfc3339(token->expires_at)}});
}

HttpResponse ban_host(ApiCall& call) {
    const HostId id(call.values[0]);
    auto host = call.storage().find_host(id);
    if (!host) return missing("host", id.text());
    host->banned = true;
    call.storage().put_host(*host);
    call.desk.hosts_changed();
    call.after_commit.emplace_back([hosts = call.parts.hosts, id] { hosts->shut_out(id); });
    return json_answer(200, host_json(*host, false));
}

HttpResponse unban_host(ApiCall& call) {
    auto host = call.storage().find_host(HostId(call.values[0]));
    if (!host) return missing("host", call.values[0]);
    host->banned = false;
    call.storage().put_host(*host);
    call.desk.hosts_changed();
    return json_answer(200, host_json(*host, call.parts.hosts->connected(host->id)));
}

HttpResponse list_orders(ApiCall& call) {
    QueryReader query(call.request);
    const CaseId id(query.id("case"));
    const HostId host(query.id("host"));
    const std::string cursor = query.cursor();
    const size_t limit = query.limit();
    if (!id.empty() && !host.empty()) query.mistake("host", "does not go with case; give one of the two");
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto all = id.empty() ? call.storage().open_orders(host) : call.storage().orders_of(id);
    return page_of(all, cursor, limit, "order_id", order_json, [](const StoredOrder& o) { return o.order.order_id.text(); });
}

HttpResponse list_jobs(ApiCall& call) {
    QueryReader query(call.request);
    const CaseId id(query.id("case"));
    const HostId host(query.id("host"));
    const std::string cursor = query.cursor();
    const size_t limit = query.limit();
    if (!id.empty() && !host.empty()) query.mistake("host", "does not go with case; give one of the two");
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto all = id.empty() ? call.storage().open_jobs(host) : call.storage().jobs_of(id);
    return page_of(all, cursor, limit, "job_id", job_json, [](const StoredJob& j) { return j.job.job_id.text(); });
}

}  // namespace bailiff
