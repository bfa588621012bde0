// SPDX-License-Identifier: Apache-2.0
// A browser without a screen, by libcurl: keeps no state but what a test gives it, follows no redirect by itself.
#pragma once

#include <algorithm>
#include <curl/curl.h>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::test {

struct Shown {
    int status = 0;                                ///< 0: the connection ended without an answer
    std::map<std::string, std::string> headers;    ///< names in lower case
    std::string body;
    bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string() : found->second;
    }
};

/// A file that is chosen in a form.
struct ChosenFile {
    std::string field, name, bytes;
};

class Browser {
  public:
    explicit Browser(std::string base, std::string ca_file = {}) : base_(std::move(base)), ca_file_(std::move(ca_file)), curl_(curl_easy_init(), curl_easy_cleanup) {
        if (!curl_) throw std::runtime_error("libcurl gives no handle");
    }

    Shown get(const std::string& target, bool head = false) {
        begin(target);
        if (head) curl_easy_setopt(curl_.get(), CURLOPT_NOBODY, 1L);
        return perform();
    }
    /// A form as libcurl writes multipart/form-data; `headers` as "Name: value".
    Shown post(const std::string& target, const std::map<std::string, std::string>& fields, const std::vector<ChosenFile>& files = {},
               const std::vector<std::string>& headers = {"Sec-Fetch-Site: same-origin"}) {
        begin(target);
        curl_mime* form = curl_mime_init(curl_.get());
        const auto part = [&](const std::string& name, const std::string& bytes) {
            curl_mimepart* made = curl_mime_addpart(form);
            curl_mime_name(made, name.c_str());
            curl_mime_data(made, bytes.data(), bytes.size());
            return made;
        };
        for (const auto& [name, value] : fields) part(name, value);
        for (const auto& file : files) curl_mime_filename(part(file.field, file.bytes), file.name.c_str());
        curl_slist* list = nullptr;
        for (const auto& header : headers) list = curl_slist_append(list, header.c_str());
        curl_easy_setopt(curl_.get(), CURLOPT_MIMEPOST, form);
        curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, list);
        Shown shown = perform();
        curl_mime_free(form);
        curl_slist_free_all(list);
        return shown;
    }
    /// The same, URL-encoded.
    Shown post_plain(const std::string& target, const std::map<std::string, std::string>& fields) {
        begin(target);
        std::string body;
        for (const auto& [name, value] : fields) {
            const std::unique_ptr<char, decltype(&curl_free)> escaped(curl_easy_escape(curl_.get(), value.c_str(), int(value.size())), curl_free);
            body += (body.empty() ? "" : "&") + name + "=" + escaped.get();
        }
        curl_easy_setopt(curl_.get(), CURLOPT_COPYPOSTFIELDS, body.c_str());
        return perform();
    }

  private:
    void begin(const std::string& target) {
        curl_easy_reset(curl_.get());
        curl_easy_setopt(curl_.get(), CURLOPT_URL, (base_ + target).c_str());
        curl_easy_setopt(curl_.get(), CURLOPT_PROXY, "");
        curl_easy_setopt(curl_.get(), CURLOPT_TIMEOUT, 30L);
        if (!ca_file_.empty()) curl_easy_setopt(curl_.get(), CURLOPT_CAINFO, ca_file_.c_str());
    }
    Shown perform() {
        Shown shown;
        curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &shown.body);
        curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, &Browser::take_body);
        curl_easy_setopt(curl_.get(), CURLOPT_HEADERDATA, &shown.headers);
        curl_easy_setopt(curl_.get(), CURLOPT_HEADERFUNCTION, &Browser::take_header);
        (void)curl_easy_perform(curl_.get());
        long status = 0;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        shown.status = int(status);
        return shown;
    }
    static size_t take_body(char* bytes, size_t one, size_t count, void* to) {
        static_cast<std::string*>(to)->append(bytes, one * count);
        return one * count;
    }
    static size_t take_header(char* bytes, size_t one, size_t count, void* to) {
        const std::string line(bytes, one * count);
        const size_t colon = line.find(':');
        if (colon == std::string::npos) return one * count;
        std::string name = line.substr(0, colon), value = line.substr(colon + 1);
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
        value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
        value.erase(value.find_last_not_of("\r\n") + 1);
        (*static_cast<std::map<std::string, std::string>*>(to))[name] = value;
        return one * count;
    }
    std::string base_, ca_file_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
};

/// The value of the first hidden field of that name.
inline std::string hidden(const Shown& page, const std::string& name) {
    const std::string mark = "name=\"" + name + "\" value=\"";
    const size_t at = page.body.find(mark);
    return at == std::string::npos ? std::string() : page.body.substr(at + mark.size(), page.body.find('"', at + mark.size()) - at - mark.size());
}

}  // namespace bailiff::test
