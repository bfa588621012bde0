// SPDX-License-Identifier: Apache-2.0
// What arrives through a door (a mail, a XARF document), whole, and what was read out of it. One delivery gives any
// number of reports; it is kept whether or not anything could be read, and it is kept once however often it comes.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/names.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct StoredReport;
using DeliveryId = Id<struct DeliveryTag>;   ///< "M-17"

/// The largest delivery that is taken whole; of a larger one the doors hand in the beginning and say so.
inline constexpr size_t largest_delivery = 25u << 20;

/// One thing that happened, as far as its reporter says. Every text is clean and of bounded length.
struct ReadEvent {
    std::string type;              ///< XARF v4 "category/type", or the reporter's own word
    std::string address;           ///< of the source; "" when the report names none
    std::string place;             ///< URL or name and port, for people
    std::string number;            ///< the reporter's own
    std::string summary;
    Instant observed_at{};         ///< 0: not said
    bool abuse = true;             ///< false: about something else, such as a failed DKIM check
    int64_t port = 0;              ///< of the source; 0: not said
    friend bool operator==(const ReadEvent&, const ReadEvent&) = default;
};

/// A mail that answers one of ours.
struct ReadReply {
    std::string case_id;           ///< that it names
    std::string from;              ///< address
    bool proven = false;           ///< the mail server vouches for the address's domain
    bool automatic = false;        ///< an absence note or a bounce, for certain
    bool by_reference = false;     ///< it answers a Message-ID of ours; else only its subject names the case
    std::string text{};            ///< the sender's own words
    std::vector<std::string> attachments{};   ///< their names
    std::string token{};           ///< of the address it went to, if that looks like one of ours; `case_id` may then be empty
    friend bool operator==(const ReadReply&, const ReadReply&) = default;
};

/// Who sent a mail, and what the mail server vouches for.
struct ReadSender {
    std::string from;              ///< address
    std::string reply_to;          ///< address; "" when the mail names none
    std::string contact;           ///< address that the report itself names for its reporter
    bool proven = false;           ///< the mail server vouches for the domain of `from`
    bool automatic = false;        ///< nobody reads what is answered: an absence note, a bounce, a machine that says so
    friend bool operator==(const ReadSender&, const ReadSender&) = default;
};

/// A mail server's word that a mail of ours did not arrive (RFC 3464). Anybody can write one: it counts for a mail that we know.
struct ReadBounce {
    std::string message_id;        ///< of the mail that it returns, "<…@…>"
    std::string recipient;         ///< as it names him
    std::string status;            ///< "5.1.1" (RFC 3463)
    std::string text;              ///< what the server said
    bool final = true;             ///< false: it is late, and is tried again
    friend bool operator==(const ReadBounce&, const ReadBounce&) = default;
};

/// What was read out of one delivery.
struct Reading {
    std::string format = "unknown";
    std::string subject, reporter;
    std::vector<ReadEvent> events;
    std::vector<std::string> warnings, addresses, urls;   ///< the last two: found in prose, for a person to choose from
    std::string triage;            ///< why a person must look; empty: every event may be matched
    bool abuse = true;             ///< false: the whole of it is no abuse report (a bounce, RFC 6591)
    std::optional<ReadReply> reply{};
    std::optional<ReadSender> sender{};
    std::optional<ReadBounce> bounce{};
    std::string from{};            ///< address of the mail's author
    bool proven = false;           ///< the mail server vouches for its domain
    bool automatic = false;        ///< a machine wrote it
    std::string words{};           ///< what the author wrote, without quotations
    friend bool operator==(const Reading&, const Reading&) = default;
};

/// Between processes and in the database. `reading_from` trusts nothing: lengths, addresses and counts are checked, texts
/// are cleaned again.
Json to_json(const Reading& reading);
Result<Reading> reading_from(const Json& json);
Json to_json(const ReadEvent& event);
Result<std::vector<ReadEvent>> events_from(const Json& json);

/// Reads deliveries, elsewhere than on the desk's thread: they are strangers' bytes.
class ReportReader {
  public:
    virtual ~ReportReader() = default;
    /// False when there is no room now. Else `done` is called exactly once, from any thread: with a reading, which says
    /// `triage` where the bytes were too much for the reader, or with `unavailable` when nothing can be read now.
    virtual bool read(std::shared_ptr<const std::string> bytes, std::function<void(Result<Reading>)> done) = 0;
};

enum class DeliveryState {
    filing,      ///< some of its events still wait for their turn
    filed,       ///< each event became a report
    triage,      ///< a person must look
    not_abuse,   ///< kept, and no report of abuse
};

/// One delivery as it is kept.
struct Delivery {
    DeliveryId id;
    DeliveryState state = DeliveryState::filed;
    std::string digest;                   ///< SHA-256 of the bytes
    std::string likeness;                 ///< of Message-ID and body; "" for what has none
    std::string sender, recipient;        ///< of the envelope, as the door said
    std::string format, subject, reporter, triage;
    std::string notes;                    ///< JSON: {"warnings","addresses","urls"}
    std::string waiting;                  ///< JSON: events that have not had their turn; "" when none
    bool by_mail = false;                 ///< a stranger's word: whoever can send a mail; else a program with a token
    int64_t events = 0;                   ///< about abuse, filed or not
    int64_t times = 1;                    ///< how often it came
    Instant received_at{}, last_at{};
    std::string raw;                      ///< as it came; never changed. Lists leave it out
    friend bool operator==(const Delivery&, const Delivery&) = default;
};

/// What two copies of one mail share whatever way they came: Message-ID and body, line ends aside. "" without exactly one
/// Message-ID.
std::string likeness_of(std::string_view mail);

/// A part of Storage; see ports.hpp for the law of transactions.
class Deliveries {
  public:
    virtual ~Deliveries() = default;
    virtual DeliveryId next_delivery_id() = 0;
    /// Insert, or update by id; raw, digest and likeness stay as they first were.
    virtual void put_delivery(const Delivery& delivery) = 0;
    virtual std::optional<Delivery> find_delivery(const DeliveryId& id) = 0;
    /// The first with this digest, else the first with this likeness (unless that is empty); without its raw.
    virtual std::optional<Delivery> same_delivery(const std::string& digest, const std::string& likeness) = 0;
    /// Newest first, older than `before` if that is given; without their raw.
    virtual std::vector<Delivery> deliveries(std::optional<DeliveryState> state, const DeliveryId& before, size_t limit) = 0;
    /// One whose events still wait, the oldest; without its raw.
    virtual std::optional<Delivery> unfinished_delivery() = 0;
    virtual std::vector<StoredReport> reports_of(const DeliveryId& id, size_t limit) = 0;   ///< oldest first
};

template <>
struct Names<DeliveryState> {
    static constexpr std::string_view what = "state of a delivery";
    static constexpr std::array table{
        std::pair{DeliveryState::filing, std::string_view("filing")}, std::pair{DeliveryState::filed, std::string_view("filed")},
        std::pair{DeliveryState::triage, std::string_view("triage")}, std::pair{DeliveryState::not_abuse, std::string_view("not_abuse")}};
};

}  // namespace bailiff
