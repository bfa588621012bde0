// SPDX-License-Identifier: Apache-2.0
// The form on which staff hands a report in with a browser: a mail as it came, or the facts as somebody told them. It is a
// client of the API and nothing else: who may do what, what is kept and what is folded is decided there, once.
#pragma once

#include "controller/api/http_server.hpp"
#include "controller/web/form.hpp"
#include "controller/web/page_texts.hpp"

#include <bailiff/json.hpp>
#include <bailiff/random.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace bailiff {

/// Serves `/report` on the API's listener. Browsers sign in by Basic authentication (RFC 7617): any name, and the account's
/// token as the password. Thread-safe after construction; outlived by nothing that it was given.
class ReportForm {
  public:
    static constexpr std::string_view path = "/report";

    /// `api`: handlers of the API. `random`: keys of forms; the desk's thread.
    ReportForm(HttpHandlers api, PageTexts texts, Random& random);
    void admit(const HttpRequest& header, const Admit& admit);
    void handle(HttpRequest request, const Respond& respond);
    /// Of the form and of everything else that the API serves.
    HttpHandlers handlers();

  private:
    struct Visit;
    HttpResponse page(const HttpRequest& request, int status, Json view) const;
    HttpResponse refused(const HttpRequest& request, const HttpResponse& by_api) const;
    HttpResponse answered(const Visit& visit, const HttpResponse& by_api) const;
    void hand_in(const std::shared_ptr<Visit>& visit, const Respond& respond);

    HttpHandlers api_;
    PageTexts texts_;
    Random& random_;
};

}  // namespace bailiff
