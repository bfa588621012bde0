// SPDX-License-Identifier: Apache-2.0
// Forms as browsers send them, and as attackers do.
#include "controller/web/form.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

constexpr const char* urlencoded = "application/x-www-form-urlencoded";
constexpr const char* multipart = "multipart/form-data; boundary=----b0undary";

std::string fault_of(const tl::expected<Form, FormFault>& form) {
    if (form) return form->files_too_large ? "files too large" : "taken";
    switch (form.error()) {
        case FormFault::unsupported: return "unsupported";
        case FormFault::malformed: return "malformed";
        case FormFault::text_too_large: return "text too large";
    }
    return "?";
}

/// One part as a browser writes it.
std::string part(const std::string& disposition, const std::string& content, const std::string& more = {}) {
    return "------b0undary\r\nContent-Disposition: form-data; " + disposition + "\r\n" + more + "\r\n" + content + "\r\n";
}
const std::string end = "------b0undary--\r\n";

TEST(UrlEncoded, is_decoded_and_cleaned) {
    const auto form = parse_form(urlencoded, "kind=fixed&steps=a+b%20c%0D%0Ad%26e&root_cause=&x=%E0%A4%B9%E0%A4%BF");
    ASSERT_TRUE(form);
    EXPECT_EQ(form->text("kind"), "fixed");
    EXPECT_EQ(form->text("steps"), "a b c\nd&e");
    EXPECT_EQ(form->text("root_cause"), "");
    EXPECT_EQ(form->text("x"), "हि");
    EXPECT_EQ(form->text("absent"), "");
    EXPECT_EQ(parse_form("Application/X-WWW-Form-URLEncoded; charset=UTF-8", "a=b")->text("a"), "b");
    EXPECT_EQ(parse_form(urlencoded, "")->fields.size(), 0u);
    EXPECT_EQ(parse_form(urlencoded, "&&a=1&")->text("a"), "1");
    EXPECT_EQ(parse_form(urlencoded, "a")->text("a"), "");
}

TEST(UrlEncoded, controls_and_bad_bytes_do_not_get_in) {
    const auto form = parse_form(urlencoded, "a=%00x%1b%5B2J%E2%80%AEy%ff");
    ASSERT_TRUE(form);
    EXPECT_EQ(form->text("a"), "x[2Jy\xEF\xBF\xBD");
}

TEST(UrlEncoded, what_no_browser_sends_is_refused) {
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=%")), "malformed");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=%4")), "malformed");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=%zz")), "malformed");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=1&a=2")), "malformed") << "two values of one field";
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a%0Ab=1")), "malformed");
    EXPECT_EQ(fault_of(parse_form("text/plain", "a=1")), "unsupported");
    EXPECT_EQ(fault_of(parse_form("", "a=1")), "unsupported");
    EXPECT_EQ(fault_of(parse_form("application/json", "{}")), "unsupported");
}

TEST(UrlEncoded, is_bounded) {
    const FormLimits limits{2, 10, 1, 10};
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=1234567890", limits)), "taken");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=12345678901", limits)), "text too large");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=" + std::string(1 << 20, 'x'), limits)), "text too large");
    EXPECT_EQ(fault_of(parse_form(urlencoded, "a=1&b=2&c=3", limits)), "malformed");
    EXPECT_EQ(fault_of(parse_form(urlencoded, std::string(65, 'n') + "=1", limits)), "malformed");
}

TEST(Multipart, texts_and_files) {
    const auto form = parse_form(multipart, part("name=\"steps\"", "one\r\ntwo") + part("name=\"files\"; filename=\"log.txt\"", "\r\n--no\r\n", "Content-Type: text/plain\r\n") +
                                                part("name=\"files\"; filename=\"\"", "", "Content-Type: application/octet-stream\r\n") + part("name=\"empty\"", "") + end);
    ASSERT_TRUE(form) << fault_of(form);
    EXPECT_EQ(form->text("steps"), "one\ntwo");
    EXPECT_EQ(form->text("empty"), "");
    EXPECT_EQ(form->files, (std::vector<FormFile>{{"log.txt", "\r\n--no\r\n"}})) << "what was not chosen is no file";
}

TEST(Multipart, bytes_of_files_are_left_alone) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += char(i);
    const auto form = parse_form("multipart/form-data; boundary=\"----b0undary\"", part("name=f; filename=\"a\"", bytes) + end);
    ASSERT_TRUE(form) << fault_of(form);
    EXPECT_EQ(form->files.at(0).bytes, bytes);
}

TEST(Multipart, names_of_files_are_made_harmless) {
    EXPECT_EQ(clean_file_name("report.pdf"), "report.pdf");
    EXPECT_EQ(clean_file_name("../../etc/passwd"), "passwd");
    EXPECT_EQ(clean_file_name("C:\\Users\\a\\x.exe"), "x.exe");
    EXPECT_EQ(clean_file_name(".htaccess"), "htaccess");
    EXPECT_EQ(clean_file_name("--help"), "help");
    EXPECT_EQ(clean_file_name("a\"; filename=\"b"), "a__ filename__b");
    EXPECT_EQ(clean_file_name("a\r\nSet-Cookie: x"), "a Set-Cookie_ x");
    EXPECT_EQ(clean_file_name("रिपोर्ट.txt"), "रिपोर्ट.txt");
    EXPECT_EQ(clean_file_name(""), "file");
    EXPECT_EQ(clean_file_name("///"), "file");
    EXPECT_EQ(clean_file_name("\x1b\x00.."), "file");
    EXPECT_LE(clean_file_name(std::string(5000, 'x')).size(), 100u);
    const auto form = parse_form(multipart, part("name=\"f\"; filename=\"..\\\\..\\\\a\\\"b.txt\"", "x") + end);
    ASSERT_TRUE(form) << fault_of(form);
    EXPECT_EQ(form->files.at(0).name, "a_b.txt");
    EXPECT_EQ(parse_form(multipart, part("name=\"f\"; filename=\"a%22b%0D%0Ac%41.txt\"", "x") + end)->files.at(0).name, "a_b  c_41.txt");
}

TEST(Multipart, what_no_browser_sends_is_refused) {
    const auto says = [](const std::string& body, const std::string& type = multipart) { return fault_of(parse_form(type, body)); };
    EXPECT_EQ(says(end), "taken");
    EXPECT_EQ(says(""), "malformed");
    EXPECT_EQ(says("preamble\r\n" + part("name=\"a\"", "1") + end), "malformed");
    EXPECT_EQ(says(part("name=\"a\"", "1")), "malformed") << "it breaks off";
    EXPECT_EQ(says(part("name=\"a\"", "1") + part("name=\"a\"", "2") + end), "malformed");
    EXPECT_EQ(says(part("filename=\"a\"", "1") + end), "malformed") << "no name";
    EXPECT_EQ(says("------b0undary\r\nContent-Type: text/plain\r\n\r\nx\r\n" + end), "malformed") << "no disposition";
    EXPECT_EQ(says("------b0undary\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n" + end), "malformed");
    EXPECT_EQ(says(part("name=\"a\"", "1", "Content-Transfer-Encoding: base64\r\n") + end), "malformed");
    EXPECT_EQ(says(part("name=\"a\"", "1", "Content-Transfer-Encoding: 8bit\r\n") + end), "taken");
    EXPECT_EQ(says(part("name=\"a\"", "1", "no colon\r\n") + end), "malformed");
    EXPECT_EQ(says(part("name=\"a\"", "1", "X: " + std::string(5000, 'x') + "\r\n") + end), "malformed");
    EXPECT_EQ(says(part("name=\"a", "1") + end), "malformed") << "an open quote";
    EXPECT_EQ(says(end, "multipart/form-data"), "malformed") << "no boundary";
    EXPECT_EQ(says(end, "multipart/form-data; boundary="), "malformed");
    EXPECT_EQ(says(end, "multipart/form-data; boundary=" + std::string(71, 'b')), "malformed");
    EXPECT_EQ(says(end, "multipart/mixed; boundary=----b0undary"), "unsupported");
}

TEST(Multipart, is_bounded) {
    const FormLimits limits{2, 10, 2, 20};
    const auto file = [](const std::string& bytes) { return part("name=\"f\"; filename=\"f\"", bytes); };
    EXPECT_EQ(fault_of(parse_form(multipart, file(std::string(20, 'x')) + end, limits)), "taken");
    EXPECT_EQ(fault_of(parse_form(multipart, file(std::string(21, 'x')) + end, limits)), "files too large");
    EXPECT_EQ(fault_of(parse_form(multipart, file(std::string(11, 'x')) + file(std::string(10, 'x')) + end, limits)), "files too large");
    EXPECT_EQ(fault_of(parse_form(multipart, file("1") + file("2") + file("3") + end, limits)), "files too large");
    const auto form = parse_form(multipart, file(std::string(21, 'x')) + part("name=\"a\"", "kept") + end, limits);
    EXPECT_EQ(form->text("a"), "kept") << "what was typed is not lost for a file";
    EXPECT_TRUE(form->files.empty());
    EXPECT_EQ(fault_of(parse_form(multipart, part("name=\"a\"", std::string(11, 'x')) + end, limits)), "text too large");
}

}  // namespace
}  // namespace bailiff::test
