// SPDX-License-Identifier: Apache-2.0
// How many reports a second one core reads, over a mix of what an abuse desk gets, and beside it in the same rounds what
// taking them apart costs at the least: GMime for mails (every part decoded), nlohmann/json for JSON. The ratio says what
// understanding costs beyond that. One thread; bench_intake [ROUNDS] [FOLDER of further reports].

#include <bailiff/system_clock.hpp>

#include "controller/intake/report_parser.hpp"
#include "controller/intake/rule_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmime/gmime.h>
#include <iterator>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
const SystemClock wall;

struct Sample {
    std::string name, bytes;
    bool mail = false;
};

void add_folder(const fs::path& folder, std::vector<Sample>& samples) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
        const auto extension = entry.path().extension();
        if (!entry.is_regular_file() || extension == ".md" || entry.path().filename() == "expected.json") continue;
        std::ifstream in(entry.path(), std::ios::binary);
        samples.push_back({entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(in), {}), extension == ".eml"});
    }
}

/// What folders do not hold: a daily table of a thousand lines, a feedback loop with a page of 40 KB, and a long log in prose.
void add_large(std::vector<Sample>& samples) {
    std::string table = "timestamp,ip,port,protocol,asn,geo,region,city,hostname,tag\n";
    for (int i = 0; i < 1000; ++i) table += fmt::format("2026-03-01 05:{:02}:{:02},192.0.{}.{},3389,tcp,64500,IN,MH,Mumbai,web{}.shop.example,rdp\n",
                                                        i / 60 % 60, i % 60, i / 250, i % 250, i);
    samples.push_back({"2026-03-01-scan_rdp-provider.csv", table, false});
    std::string page;
    while (page.size() < 40'000) page += "<tr><td><a href=\"http://shop.example/track?u=3D4711\"><img src=3D\"http://shop.example/i.png\"></a> buy now&nbsp;</td></tr>\n";
    samples.push_back({"fbl.eml", "From: fbl@mailbox.example\nTo: abuse@provider.example\nSubject: feedback\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
                       "An abuse report about a mail from 192.0.2.10.\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nSource-IP: 192.0.2.10\nArrival-Date: Mon, 2 Mar 2026 05:58:11 +0000\n\n"
                       "--b\nContent-Type: message/rfc822\n\nReceived: from web1 ([192.0.2.10]) by mx; Mon, 2 Mar 2026 05:58:11 +0000\nFrom: a@shop.example\nSubject: Buy\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n" + page + "\n--b--\n", true});
    std::string log = "From: admin@victim.example\nTo: abuse@provider.example\nSubject: attack\n\nPlease stop this:\n";
    for (int i = 0; i < 200; ++i) log += fmt::format("2026-03-02 04:12:{:02} sshd[{}]: Failed password for root from 192.0.2.10 port {} ssh2\n", i % 60,
                                                     1000 + i, 40000 + i);
    samples.push_back({"prose_log.eml", log, true});
}

void take_apart(const Sample& sample) {
    if (!sample.mail) {
        if (!sample.bytes.starts_with('{')) return;
        const Json document = Json::parse(sample.bytes, nullptr, false);
        if (document.is_discarded()) std::abort();   // the sample is ours
        return;
    }
    GMimeStream* stream = g_mime_stream_mem_new_with_buffer(sample.bytes.data(), sample.bytes.size());
    GMimeParser* parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
    if (message) {
        g_mime_message_foreach(message, [](GMimeObject*, GMimeObject* part, gpointer) {
            if (!GMIME_IS_PART(part)) return;
            GMimeDataWrapper* content = g_mime_part_get_content(GMIME_PART(part));
            if (!content) return;
            GMimeStream* out = g_mime_stream_mem_new();
            g_mime_data_wrapper_write_to_stream(content, out);
            g_object_unref(out);
        }, nullptr);
        g_object_unref(message);
    }
    g_object_unref(parser);
    g_object_unref(stream);
}

/// Milliseconds for `times` passes over all samples.
double spent(int times, const std::vector<Sample>& samples, const std::function<void(const Sample&)>& work) {
    const auto begin = wall.monotonic();
    for (int i = 0; i < times; ++i)
        for (const auto& sample : samples) work(sample);
    return std::max(1.0, double((wall.monotonic() - begin).count()));
}

int run(int rounds, const char* folder) {
    g_mime_init();
    std::vector<Sample> samples;
    add_folder(fs::path(BAILIFF_SOURCE_DIR) / "tests/fixtures/reports", samples);
    add_folder(fs::path(BAILIFF_SOURCE_DIR) / "../shared/samples", samples);
    if (folder) add_folder(folder, samples);
    add_large(samples);
    std::vector<RuleFileMistakes> files;
    const IntakeRules rules = load_intake_rules(fs::path(BAILIFF_SOURCE_DIR) / "policies/intake", files);
    size_t bytes = 0, events = 0;
    for (const auto& s : samples) bytes += s.bytes.size(), events += parse_report(s.bytes, {}, &rules, s.name).events.size();
    fmt::print("{} reports, {} KB, {} events, {} rules; one thread\n", samples.size(), bytes / 1024, events, rules.all().size());

    const auto parse = [&](const Sample& s) { static_cast<void>(parse_report(s.bytes, {}, &rules, s.name)); };
    const int passes = 20;
    std::vector<double> ours, bare, ratio;
    for (int round = 0; round < rounds; ++round) {
        const double a = spent(passes, samples, parse), b = spent(passes, samples, take_apart);
        const double reports = double(samples.size()) * passes * 1000;
        ours.push_back(reports / a);
        bare.push_back(reports / b);
        ratio.push_back(a / b);
    }
    const auto median = [](std::vector<double> list) {
        std::sort(list.begin(), list.end());
        return list[list.size() / 2];
    };
    fmt::print("parse_report  {:8.0f} reports/s ({:.0f} - {:.0f})\n", median(ours), *std::min_element(ours.begin(), ours.end()),
               *std::max_element(ours.begin(), ours.end()));
    fmt::print("taken apart   {:8.0f} reports/s by GMime and nlohmann/json alone\n", median(bare));
    fmt::print("ratio of the pairs, median: {:.1f}\n", median(ratio));
    // The dear ones, so that it is known where the time goes.
    std::vector<std::pair<double, std::string>> dear;
    for (const auto& s : samples) dear.emplace_back(spent(50, {s}, parse) / 50, s.name);
    std::sort(dear.rbegin(), dear.rend());
    for (size_t i = 0; i < std::min<size_t>(6, dear.size()); ++i) fmt::print("  {:7.2f} ms  {}\n", dear[i].first, dear[i].second);
    return 0;
}

}  // namespace
}  // namespace bailiff::test

int main(int argc, char** argv) { return bailiff::test::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7, argc > 2 ? argv[2] : nullptr); }
