// SPDX-License-Identifier: Apache-2.0
// Whom of a customer we can reach, and how surely: the authorised contact, further ones, and wishes to change them that came by mail.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>
#include "controller/core/history.hpp"
#include "controller/desk/delivery.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct Customer;

enum class ContactRole { authorised, technical, billing, security };
/// What is known of a mail address: `verified` when its owner answered us from it, or a person says so.
enum class MailStanding { unverified, verified, bouncing };
/// What is known of a number, from calls that were logged.
enum class PhoneStanding { unknown, ok, wrong };

/// One person of a customer. Number 0 is the authorised contact: who that is stands with the customer, and the row keeps what is
/// known of that address and that number; it counts for as long as they are still the customer's.
struct CustomerContact {
    CustomerId customer;
    int64_t number = 0;
    ContactRole role = ContactRole::technical;
    core::Contact contact;
    int64_t preference = 50;       ///< the lower the sooner, from 1 to 99; the authorised contact comes first of all
    MailStanding mail = MailStanding::unverified;
    PhoneStanding phone = PhoneStanding::unknown;
    std::string mail_note;         ///< what the last bounce said
    std::string changed_by;        ///< actor
    Instant changed_at{};
    friend bool operator==(const CustomerContact&, const CustomerContact&) = default;
};

enum class ChangeState { waiting, approved, rejected };

/// A mail that asks for other contact data. Nothing follows from it before a person approved it.
struct ContactChange {
    std::string id;                ///< "K-3"
    ChangeState state = ChangeState::waiting;
    CustomerId customer;           ///< who has a contact with that address; empty: nobody, or several
    std::string from, subject, text;
    bool proven = false;           ///< the mail server vouches for the sender's domain
    DeliveryId delivery;           ///< the mail itself
    Instant at{};
    std::string decided_by, reason;
    Instant decided_at{};
    std::string applied;           ///< JSON: {"customer","contact","old","new"}; "" before
    friend bool operator==(const ContactChange&, const ContactChange&) = default;
};

/// A part of Storage; see ports.hpp for the law of transactions.
class Contacts {
  public:
    virtual ~Contacts() = default;
    virtual int64_t next_contact_number() = 0;                          ///< never given out twice
    virtual void put_contact(const CustomerContact& contact) = 0;       ///< by customer and number
    virtual void remove_contact(const CustomerId& customer, int64_t number) = 0;
    /// As they were put, by number.
    virtual std::vector<CustomerContact> contacts_of(const CustomerId& customer) = 0;
    /// Whose contact, the authorised one or another, has this address in whatever case.
    virtual std::vector<CustomerId> customers_by_mail(const std::string& address, size_t limit) = 0;

    virtual std::string next_change_id() = 0;                           ///< "K-1", "K-2", …
    virtual void put_change(const ContactChange& change) = 0;           ///< by id
    virtual std::optional<ContactChange> find_change(const std::string& id) = 0;
    virtual std::optional<ContactChange> change_of(const DeliveryId& delivery) = 0;
    virtual std::vector<ContactChange> changes(std::optional<ChangeState> state, const std::string& before, size_t limit) = 0;   ///< newest first
    virtual int64_t waiting_changes(const std::string& from) = 0;       ///< of one sender; "" = all
};

/// ASCII letters in lower case.
inline std::string lower_address(std::string address) {
    for (char& c : address)
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    return address;
}
/// The digits of a number, with the plus before them: "+91 80-5550" -> "+91805550".
std::string plain_number(std::string_view number);
/// Whether the tz database has it.
bool is_zone(const std::string& zone);
/// `invalid`, in one sentence with its remedy, for what cannot be a contact.
Result<void> check_contact(const CustomerContact& contact);
/// The authorised contact first, then the others by preference.
std::vector<CustomerContact> contacts_in_order(Contacts& contacts, const Customer& customer);
/// What would keep us from reaching the customer, said before there is a case; "" when nothing would.
std::string contact_warning(const std::vector<CustomerContact>& contacts);

template <>
struct Names<ContactRole> {
    static constexpr std::string_view what = "role of a contact";
    static constexpr std::array table{
        std::pair{ContactRole::authorised, std::string_view("authorised")}, std::pair{ContactRole::technical, std::string_view("technical")},
        std::pair{ContactRole::billing, std::string_view("billing")}, std::pair{ContactRole::security, std::string_view("security")}};
};
template <>
struct Names<MailStanding> {
    static constexpr std::string_view what = "state of a mail address";
    static constexpr std::array table{
        std::pair{MailStanding::unverified, std::string_view("unverified")}, std::pair{MailStanding::verified, std::string_view("verified")},
        std::pair{MailStanding::bouncing, std::string_view("bouncing")}};
};
template <>
struct Names<PhoneStanding> {
    static constexpr std::string_view what = "state of a number";
    static constexpr std::array table{
        std::pair{PhoneStanding::unknown, std::string_view("unknown")}, std::pair{PhoneStanding::ok, std::string_view("ok")},
        std::pair{PhoneStanding::wrong, std::string_view("wrong")}};
};
template <>
struct Names<ChangeState> {
    static constexpr std::string_view what = "state of a change request";
    static constexpr std::array table{
        std::pair{ChangeState::waiting, std::string_view("waiting")}, std::pair{ChangeState::approved, std::string_view("approved")},
        std::pair{ChangeState::rejected, std::string_view("rejected")}};
};

}  // namespace bailiff
