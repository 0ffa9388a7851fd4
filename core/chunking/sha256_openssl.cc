#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "core/chunking/sha256_backends.h"

namespace dray::internal {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fetched once for the process: EVP_sha256() is looked up again at every use.
const EVP_MD* FetchedSha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

AnyDigest Sha256WithOpenSsl(Bytes message) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  AnyDigest digest;
  // None of these can fail but for want of memory or of an OpenSSL with SHA-256; there is no going
  // on without ids.
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), FetchedSha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), message.data(), message.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

}  // namespace dray::internal
