// SPDX-License-Identifier: Apache-2.0
// bailiff-intake: reads reports for bailiff-controller and can do nothing else. Started by it, with one socket as standard
// input and output; frames as in README.md. Ends when the socket closes.
#include "controller/intake/rule_files.hpp"
#include "controller/parsing/reading_of.hpp"
#include "controller/parsing/worker_box.hpp"
#include "controller/parsing/worker_process.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <iconv.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace bailiff {
namespace {

bool read_all(size_t count, std::string& out) {
    out.resize(count);
    for (size_t at = 0; at < count;) {
        const ssize_t got = ::read(0, out.data() + at, count - at);
        if (got <= 0) return false;
        at += size_t(got);
    }
    return true;
}

bool write_frame(std::string_view text) {
    std::string out;
    for (const int shift : {24, 16, 8, 0}) out += char(uint8_t(text.size() >> shift));
    out += text;
    for (size_t at = 0; at < out.size();) {
        const ssize_t sent = ::write(1, out.data() + at, out.size() - at);
        if (sent <= 0) return false;
        at += size_t(sent);
    }
    return true;
}

/// The C library loads a charset's code from a file when it is first asked for, and there are no files in the box. What is
/// opened here stays loaded; a rarer charset is read as far as its bytes are ASCII.
void load_charsets() {
    for (const char* name : {"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9",
                             "ISO-8859-10", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
                             "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "IBM850",
                             "IBM437", "IBM866", "MACINTOSH", "TIS-620", "GB2312", "GBK", "GB18030", "BIG5", "BIG5-HKSCS", "EUC-CN", "EUC-JP", "EUC-KR",
                             "EUC-TW", "SHIFT_JIS", "CP932", "CP936", "CP949", "CP950", "ISO-2022-JP", "ISO-2022-KR", "ISO-2022-CN", "UTF-7", "UTF-16",
                             "UTF-16LE", "UTF-16BE", "UTF-32", "UCS-2", "JOHAB", "HZ", "VISCII", "TCVN"})
        // Both ways: text is also written back into a sender's charset by the MIME library. Never closed.
        for (const bool out : {false, true}) (void)iconv_open(out ? name : "UTF-8", out ? "UTF-8" : name);
}

/// Whatever the libraries set up when they are first used, before the box is shut.
void warm_up() {
    load_charsets();
    (void)read_delivery(
        "From: a@example.net\r\nTo: b@example.net\r\nSubject: =?iso-8859-1?Q?=E4?=\r\nDate: Mon, 2 Mar 2026 09:00:00 +0530\r\n"
        "Message-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=80 192.0.2.1\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\nContent-Transfer-Encoding: base64\r\n\r\nRmVlZGJhY2stVHlwZTogYWJ1c2UK\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@example.net\r\nSubject: y\r\n\r\nz\r\n--b--\r\n");
    (void)read_delivery(R"({"xarf_version":"4.0.0","category":"content","type":"phishing"})");
    (void)read_delivery("ip,timestamp,port\n192.0.2.1,2026-03-02 09:00:00,80\n");
}

/// Rules are files, and there are none in the box.
IntakeRules rules_of(const char* folder) {
    std::vector<RuleFileMistakes> files;
    IntakeRules out = load_intake_rules(folder, files);
    for (const auto& file : files)
        if (!file.mistakes.empty()) std::fprintf(stderr, "bailiff-intake: the rule %s is not sound and is left out\n", file.file.c_str());
    return out;
}

int serve(const char* rules_folder, const char* authserv) {
    const IntakeRules rules = rules_of(rules_folder);
    const ReadingContext context{&rules, authserv};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    warm_up();
    if (const auto shut = shut_worker_box(); !shut) {
        std::fprintf(stderr, "bailiff-intake: %s\n", shut.error().text.c_str());
        return 1;
    }
    if (!write_frame("")) return 0;
    std::string head, bytes;
    while (read_all(4, head)) {
        size_t size = 0;
        for (const char c : head) size = size << 8 | uint8_t(c);
        if (size > largest_delivery * 2 || !read_all(size, bytes)) return 0;
        Reading reading;
        try {
            reading = read_delivery(bytes, context);
        } catch (const std::exception& e) {
            reading = {};
            reading.triage = "reading it failed; look at the original";
        }
        std::string text = dump_json(to_json(reading));
        if (text.size() > largest_answer_of_worker) {
            reading = {};
            reading.triage = "it holds more than is read of one report; look at the original";
            text = dump_json(to_json(reading));
        }
        if (!write_frame(text)) return 0;
        // A report of 25 MB must not keep its room for the next ten thousand.
        if (bytes.capacity() > (1u << 20)) std::string().swap(bytes);
    }
    return 0;
}

}  // namespace
}  // namespace bailiff

/// bailiff-intake [RULES-FOLDER [NAME]]: NAME is what our mail server calls itself in Authentication-Results.
int main(int argc, char** argv) { return bailiff::serve(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : ""); }
