// SPDX-License-Identifier: Apache-2.0
// SHA-256 over pieces, zeros and files.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace bailiff::agent {

/// Fed in order; `hex` ends it.
class Sha256 {
  public:
    Sha256();
    void add(std::string_view bytes);
    void add_zeros(uint64_t count);
    std::string hex();

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of a file's whole content; `progress` gets the bytes done so far. Errors: not_found, unavailable.
Result<std::string> sha256_of_file(const std::string& path,
                                   const std::function<void(uint64_t)>& progress = {});
std::string sha256_of(std::string_view text);

}  // namespace bailiff::agent
