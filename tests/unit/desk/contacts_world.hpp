// SPDX-License-Identifier: Apache-2.0
// A desk whose customer has three contacts, with a machine that phones.
#pragma once

#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {

struct ContactsDesk : DeskWorld {
    FakeDialler dialler;
    std::unique_ptr<Desk> desk;
    int came_ = 0;

    ContactsDesk() {
        options.contacts_address = "contacts@provider.example";
        begin();
        add(storage.next_contact_number(), "Vikram Iyer", "noc@lotus.example", "+91 80 5550 0200", 10, ContactRole::technical);
        add(storage.next_contact_number(), "Meena Das", "meena@lotus.example", "+49 30 5550 0300", 20, ContactRole::billing);
    }
    void begin() { desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, writer, hosts, watchers, nullptr, nullptr, &dialler}, shipped_policies(), options); }
    void add(int64_t number, const std::string& who, const std::string& email, const std::string& phone, int64_t order, ContactRole role) {
        storage.put_contact({CustomerId("7"), number, role, {who, email, phone, "en", ""}, order, {}, {}, {}, "staff:ana", clock.now()});
    }
    void open() {
        EXPECT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
        tick();
    }
    void tick() {
        for (int i = 0; i < 2; ++i) {
            (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
            desk->flush();
        }
    }
    void an_hour() { clock.advance(Seconds(3600)), tick(); }
    core::Case now() { return *storage.find_case(CaseId("C-1")); }
    std::optional<CallSheet> sheet() {
        const auto view = desk->view(CaseId("C-1"));
        return desk->call_sheet(view->c, view->dues);
    }
    void call(core::CallOutcome outcome, const std::string& who = "", Instant back = {}) {
        const auto named = sheet();
        core::LogCall log{named ? named->contact.name : "Asha Rao", named ? named->contact.phone : "+91 80 5550 0117", outcome, "", back};
        for (const auto& one : desk->contacts(CustomerId("7")))
            if (one.contact.name == who) log.contact = who, log.number = one.contact.phone;
        const auto acted = desk->act(CaseId("C-1"), log, "staff:ana");
        EXPECT_TRUE(acted) << acted.error().text;
        desk->flush();
        tick();
    }
    CustomerContact of(int64_t number) {
        for (const auto& one : desk->contacts(CustomerId("7")))
            if (one.number == number) return one;
        ADD_FAILURE() << number;
        return {};
    }
    Delivery deliver(Reading reading, const std::string& recipient, const std::string& raw = "") {
        DeliveryInput input;
        const std::string bytes = raw.empty() ? "mail " + std::to_string(++came_) : raw;
        input.raw = bytes;
        input.digest = sha256_hex(bytes + recipient);
        input.likeness = raw;
        input.recipient = recipient;
        input.by_mail = true;
        input.reading = std::move(reading);
        const auto taken = desk->receive(input, "intake");
        EXPECT_TRUE(taken);
        tick();
        return taken ? taken->delivery : Delivery{};
    }
    Delivery bounce(const std::string& id, bool final = true) {
        Reading reading;
        reading.format = "bounce";
        reading.triage = "This is no abuse report: a mail of ours could not be delivered, or not yet.";
        reading.automatic = true;
        reading.bounce = ReadBounce{id, "asha@lotus.example", final ? "5.1.1" : "4.4.1", "550 no such user", final};
        return deliver(std::move(reading), "abuse@provider.example");
    }
    std::string ticket() { return storage.mails_of(CaseId("C-1")).front().message_id; }
    Delivery wish(const std::string& from, const std::string& words = "our number is +91 1", const std::string& raw = "") {
        Reading reading;
        reading.subject = "new number";
        reading.from = from;
        reading.words = words;
        reading.triage = "no format of reports was recognised";
        return deliver(std::move(reading), "Contacts@provider.example", raw);
    }
    std::vector<ContactChange> waiting() { return storage.changes(ChangeState::waiting, "", 1000); }
};

}  // namespace bailiff::test
