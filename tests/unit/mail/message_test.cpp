// SPDX-License-Identifier: Apache-2.0
// What a Mail looks like on the wire, and that nothing can be smuggled into it.
#include "controller/mail/message.hpp"

#include <bailiff/clean_text.hpp>
#include <gtest/gtest.h>

#include <random>

namespace bailiff::test {
namespace {

Mail notice() {
    Mail mail;
    mail.message_id = "notice-81.c17@desk.example";
    mail.date = *parse_rfc3339("2026-03-02T03:30:00Z");
    mail.from = {"desk@desk.example", "Abuse desk"};
    mail.to = {"asha@customer.example", "Asha Rao"};
    mail.subject = "[C-17] Virus content: please act on web1";
    mail.text = "Hello.\nA = b\n";
    return mail;
}

std::string header_part(const std::string& message) { return message.substr(0, message.find("\r\n\r\n") + 2); }

/// The header lines that do not continue another.
size_t header_count(const std::string& message) {
    size_t n = 0;
    const std::string head = header_part(message);
    for (size_t at = 0; at < head.size(); at = head.find("\r\n", at) + 2)
        if (head[at] != ' ') ++n;
    return n;
}

/// Undoes quoted-printable, independently of the encoder's loop.
std::string decode_quoted_printable(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') out += text[i];
        else if (text.compare(i, 3, "=\r\n") == 0) i += 2;
        else out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)), i += 2;
    }
    return out;
}

TEST(Message, the_whole_message) {
    EXPECT_EQ(*build_message(notice()),
              "Date: Mon, 02 Mar 2026 03:30:00 +0000\r\n"
              "From: Abuse desk\r\n <desk@desk.example>\r\n"
              "To: Asha Rao\r\n <asha@customer.example>\r\n"
              "Subject: [C-17] Virus content: please act on web1\r\n"
              "Message-ID: <notice-81.c17@desk.example>\r\n"
              "Auto-Submitted: auto-generated\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n"
              "\r\n"
              "Hello.\r\nA =3D b\r\n\r\n");
}

TEST(Message, an_answer_names_what_it_answers) {
    Mail mail = notice();
    mail.reply_to = "desk+c17@desk.example";
    mail.in_reply_to = "a1@customer.example";
    mail.references = {"notice-80.c17@desk.example", "a1@customer.example"};
    const auto message = *build_message(mail);
    EXPECT_NE(message.find("\r\nReply-To: desk+c17@desk.example\r\n"), std::string::npos);
    EXPECT_NE(message.find("\r\nIn-Reply-To: <a1@customer.example>\r\n"), std::string::npos);
    EXPECT_NE(message.find("\r\nReferences: <notice-80.c17@desk.example>\r\n <a1@customer.example>\r\n"), std::string::npos);
}

TEST(Message, html_is_the_alternative_to_plain_text) {
    Mail mail = notice();
    mail.html = "<p>Hello.</p>";
    const auto message = *build_message(mail);
    EXPECT_NE(message.find("multipart/alternative; boundary=\"=_bailiff\""), std::string::npos);
    EXPECT_LT(message.find("text/plain"), message.find("text/html"));
    EXPECT_TRUE(message.ends_with("--=_bailiff--\r\n"));
}

TEST(Message, hindi_is_encoded_and_lines_stay_short) {
    Mail mail = notice();
    mail.to.display = "आशा राव";
    mail.subject = "[C-17] वायरस सामग्री: कृपया web1 की जाँच करें और हमें लिखित उत्तर भेजें";
    for (int i = 0; i < 40; ++i) mail.text += "आपकी वर्चुअल मशीन के बारे में एक रिपोर्ट मिली है। ";
    const auto message = *build_message(mail);
    EXPECT_NE(message.find("Content-Transfer-Encoding: base64"), std::string::npos);
    for (size_t at = 0; at < message.size();) {
        const size_t end = message.find("\r\n", at);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end - at, 76u) << message.substr(at, end - at);
        at = end + 2;
    }
    EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) { return c > 0 && c < 127; }));
}

TEST(Message, encoded_words_do_not_split_a_character) {
    const auto encoded = encode_header_text("कृपया web1 की जाँच करें और हमें लिखित उत्तर भेजें", 9);
    for (size_t at = 0; (at = encoded.find("=?utf-8?B?", at)) != std::string::npos; at += 10) {
        const size_t end = encoded.find("?=", at + 10);
        EXPECT_LE(end + 2 - at, 75u);
        // A word that starts inside a character would start with a continuation byte, 10xxxxxx: base64 g to v.
        const char first = encoded[at + 10];
        EXPECT_FALSE(first >= 'g' && first <= 'v') << encoded;
    }
}

TEST(Message, a_long_ascii_subject_is_folded_at_blanks) {
    std::string subject = "[C-17]";
    while (subject.size() < 200) subject += " word";
    const auto folded = encode_header_text(subject, 9);
    EXPECT_NE(folded.find("\r\n word"), std::string::npos);
    std::string unfolded;
    for (const char c : folded)
        if (c != '\r' && c != '\n') unfolded += c;
    EXPECT_EQ(unfolded, subject);
}

TEST(Message, a_text_that_looks_encoded_is_encoded) {
    EXPECT_TRUE(encode_header_text("=?utf-8?B?SGk=?=", 9).starts_with("=?utf-8?B?PT9"));
}

TEST(Message, quoted_printable_is_undone_to_the_same_text) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (int i = 0; i < 200; ++i) text += " =\n.abcx"[random() % 8];
        const auto encoded = encode_quoted_printable(text);
        for (size_t at = 0; at < encoded.size();) {
            const size_t end = encoded.find("\r\n", at);
            ASSERT_LE(end - at, 76u);
            ASSERT_FALSE(end > at && encoded[end - 1] == ' ');
            at = end + 2;
        }
        std::string crlf;
        for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
        ASSERT_EQ(decode_quoted_printable(encoded), crlf);
    }
}

TEST(Message, no_field_adds_a_header_or_a_body) {
    const std::string attack = "x\r\nBcc: victim@else.example\r\n\r\n<script>";
    const size_t usual = header_count(*build_message(notice()));
    const auto with = [&](const std::function<void(Mail&)>& change) {
        Mail mail = notice();
        change(mail);
        return build_message(mail);
    };
    for (const auto& change : std::vector<std::function<void(Mail&)>>{
             [&](Mail& m) { m.subject += attack; }, [&](Mail& m) { m.to.display = attack; }, [&](Mail& m) { m.from.display = attack; },
             [&](Mail& m) { m.subject = "a\rBcc: b@c.example"; }, [&](Mail& m) { m.subject = "a\nBcc: b@c.example"; },
             [&](Mail& m) { m.subject = "a\xE2\x80\xA8" "Bcc: b@c.example"; }}) {
        const auto message = with(change);
        ASSERT_TRUE(message);
        EXPECT_EQ(header_count(*message), usual);
        EXPECT_EQ(header_part(*message).find("\nBcc"), std::string::npos);
    }
    for (const auto& change : std::vector<std::function<void(Mail&)>>{
             [&](Mail& m) { m.to.address = "a@b.example" + attack; }, [&](Mail& m) { m.from.address += attack; },
             [&](Mail& m) { m.reply_to = "a@b.example" + attack; }, [&](Mail& m) { m.message_id += attack; },
             [&](Mail& m) { m.in_reply_to = "a@b" + attack; }, [&](Mail& m) { m.references = {"a@b>" + attack}; }}) {
        const auto message = with(change);
        ASSERT_FALSE(message);
        EXPECT_EQ(message.error().code, Errc::invalid);
        EXPECT_EQ(message.error().text.find('\n'), std::string::npos);
    }
}

TEST(Message, addresses) {
    for (const char* good : {"a@b.example", "first.last+tag@sub.domain.example", "o'neil@x.example"}) EXPECT_TRUE(is_mail_address(good)) << good;
    for (const char* bad : {"", "a", "@b.example", "a@", "a b@c.example", "a@b@c.example", "a..b@c.example", ".a@c.example", "\"a b\"@c.example",
                            "a@[192.0.2.1]", "a@b.example\r\n", "<a@b.example>", "a@b.example,c@d.example", "अ@b.example"})
        EXPECT_FALSE(is_mail_address(bad)) << bad;
}

TEST(CleanText, keeps_letters_and_drops_what_deceives) {
    EXPECT_EQ(clean_block("a\r\nb\rc\td\x1b[31me"), "a\nb\nc d[31me");
    EXPECT_EQ(clean_line("  a\r\nb \n"), "a b");
    EXPECT_EQ(clean_line("user\xE2\x80\xAEgpj.exe"), "usergpj.exe");
    EXPECT_EQ(clean_line("\xC3\x28 \xF0\x9F\x98\x80 \xED\xA0\x80"), "\xEF\xBF\xBD( \xF0\x9F\x98\x80 \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(clean_block("अआ", 4), "अ") << "cut between characters";
}

}  // namespace
}  // namespace bailiff::test
