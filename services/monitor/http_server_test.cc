#include "services/monitor/http_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/monitor/testing/http_client.h"

namespace dray::monitor {
namespace {

HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.body = request.method + " " + request.path + " " + request.host + "\n";
  response.headers.push_back({"X-Test", "yes"});
  return response;
}

std::unique_ptr<HttpServer> Start(HttpServer::Options options = {},
                                  HttpServer::Handler handler = Echo) {
  options.listen = {"127.0.0.1", 0};
  auto server = HttpServer::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

TEST(HttpServerTest, Answers) {
  const auto server = Start();
  const std::string got = Get(server->address(), "/a/b?c=d");
  EXPECT_EQ(got.substr(0, 17), "HTTP/1.1 200 OK\r\n");
  EXPECT_NE(got.find("X-Test: yes\r\n"), std::string::npos);
  EXPECT_NE(got.find("Content-Type: text/plain; charset=utf-8\r\n"), std::string::npos);
  EXPECT_TRUE(got.ends_with("\r\n\r\nGET /a/b localhost\n")) << got;
}

TEST(HttpServerTest, HeadHasNoBodyButItsLength) {
  const auto server = Start();
  const std::string got =
      Exchange(server->address(), "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(got.find("Content-Length: 9\r\n"), std::string::npos) << got;
  EXPECT_TRUE(got.ends_with("\r\n\r\n")) << got;
}

TEST(HttpServerTest, AConnectionServesSeveralRequests) {
  const auto server = Start();
  TestConnection connection(server->address());
  for (const std::string path : {"/one", "/two"}) {
    connection.Send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(connection.ReadUntil("GET " + path + " h\n").ends_with(path + " h\n"));
  }
}

TEST(HttpServerTest, PipelinedRequestsAreAnsweredInTurn) {
  const auto server = Start();
  const std::string got = Exchange(
      server->address(), "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_LT(got.find("GET /1"), got.find("GET /2"));
  EXPECT_NE(got.find("GET /2"), std::string::npos);
}

HttpResponse Ticking(const HttpRequest&) {
  HttpResponse response;
  response.body = "begin\n";
  response.next_part = [n = 0]() mutable {
    return std::make_shared<const std::string>("part " + std::to_string(++n) + "\n");
  };
  return response;
}

HttpServer::Options Fast() {
  HttpServer::Options options;
  options.stream_period = absl::Milliseconds(10);
  return options;
}

TEST(HttpServerTest, AStreamGoesOnUntilTheServerStops) {
  auto server = Start(Fast(), Ticking);
  TestConnection connection(server->address());
  connection.Send("GET / HTTP/1.1\r\n\r\n");
  const std::string got = connection.ReadPast("part 5\n");
  EXPECT_NE(got.find("\r\n\r\nbegin\npart 1\npart 2\n"), std::string::npos) << got;
  EXPECT_EQ(got.find("Content-Length"), std::string::npos) << got;
  const absl::Time start = absl::Now();
  server.reset();
  connection.ReadAll();
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST(HttpServerTest, StreamsAreLimitedAndGivenBack) {
  HttpServer::Options options = Fast();
  options.max_streams = 2;
  const auto server = Start(options, Ticking);
  {
    TestConnection first(server->address());
    TestConnection second(server->address());
    for (TestConnection* connection : {&first, &second}) {
      connection->Send("GET / HTTP/1.1\r\n\r\n");
      connection->ReadPast("part 1\n");
    }
    EXPECT_EQ(Get(server->address(), "/").substr(0, 12), "HTTP/1.1 503");
  }
  std::string got;
  for (int i = 0; i < 500 && got.find("part 1\n") == std::string::npos; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    TestConnection third(server->address());
    third.Send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    got = third.ReadPast("part 1\n");
  }
  EXPECT_NE(got.find("part 1\n"), std::string::npos) << "those that went away left room";
}

TEST(HttpServerTest, AStreamThatIsNotReadIsCutOff) {
  HttpServer::Options options = Fast();
  options.timeout = absl::Milliseconds(200);
  options.stream_period = absl::Milliseconds(1);
  options.max_streams = 1;
  const auto part = std::make_shared<const std::string>(1 << 20, 'x');
  const auto server = Start(options, [part](const HttpRequest& request) {
    if (request.path != "/stream") return Echo(request);
    HttpResponse response;
    response.next_part = [part] { return part; };
    return response;
  });
  TestConnection deaf(server->address());
  deaf.Send("GET /stream HTTP/1.1\r\n\r\n");
  bool room = false;
  for (int i = 0; i < 500 && !room; ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    TestConnection other(server->address());
    other.Send("GET /stream HTTP/1.1\r\n\r\n");
    room = other.ReadPast("\n").find(" 200 ") != std::string::npos;
  }
  EXPECT_TRUE(room);
}

TEST(HttpServerTest, WhatIsNoHttpIsToldSo) {
  const auto server = Start();
  EXPECT_EQ(Exchange(server->address(),
                     "\x89"
                     "DRAY nonsense\r\n\r\n")
                .substr(0, 12),
            "HTTP/1.1 400");
}

TEST(HttpServerTest, LargeHeadersAndBodiesAreRefused) {
  const auto server = Start();
  const std::string header = "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(Exchange(server->address(), header).substr(0, 12), "HTTP/1.1 431");
  const std::string body =
      "POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x');
  EXPECT_EQ(Exchange(server->address(), body).substr(0, 12), "HTTP/1.1 413");
}

TEST(HttpServerTest, SilentConnectionsAreClosed) {
  HttpServer::Options options;
  options.timeout = absl::Milliseconds(50);
  const auto server = Start(options);
  EXPECT_EQ(Exchange(server->address(), ""), "");
  EXPECT_EQ(Exchange(server->address(), "GET / HT"), "");
}

TEST(HttpServerTest, ConnectionsBeyondTheLimitAreClosed) {
  HttpServer::Options options;
  options.max_connections = 2;
  const auto server = Start(options);
  std::vector<std::unique_ptr<TestConnection>> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(std::make_unique<TestConnection>(server->address()));
    held.back()->Send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_NE(held.back()->ReadUntil("GET / \n"), "");
  }
  EXPECT_EQ(Get(server->address(), "/"), "");
  held.clear();
  std::string got;
  for (int i = 0; i < 200 && got.empty(); ++i) {
    got = Get(server->address(), "/");
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(got.substr(0, 12), "HTTP/1.1 200") << "their places are free again";
}

TEST(HttpServerTest, APeerThatDoesNotReadIsCut) {
  HttpServer::Options options;
  options.timeout = absl::Milliseconds(100);
  options.max_unsent_bytes = 1 << 20;
  const auto server = Start(options, [](const HttpRequest&) {
    HttpResponse response;
    response.body.assign(64 << 20, 'x');
    return response;
  });
  TestConnection slow(server->address());
  slow.Send("GET / HTTP/1.1\r\n\r\n");
  // While the first waits to be read, others are sent away; when it was cut, they are served.
  std::string got;
  bool sent_away = false;
  for (int i = 0; i < 1000 && !(sent_away && got == "HTTP/1.1 200"); ++i) {
    TestConnection other(server->address());
    other.Send("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
    got = other.ReadAll().substr(0, 12);
    sent_away |= got == "HTTP/1.1 503";
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_TRUE(sent_away);
  EXPECT_EQ(got, "HTTP/1.1 200");
}

TEST(HttpServerTest, StopsWithConnectionsOpen) {
  auto server = Start();
  TestConnection idle(server->address());
  idle.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_NE(idle.ReadUntil("GET / \n"), "");
  const absl::Time start = absl::Now();
  server.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  EXPECT_EQ(idle.ReadAll(), "");
}

TEST(HttpServerTest, ServesManyAtOnce) {
  const auto server = Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&server] {
      for (int i = 0; i < 25; ++i) {
        EXPECT_TRUE(Get(server->address(), "/x").ends_with("GET /x localhost\n"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(HttpServerTest, APortInUseIsNamed) {
  const auto server = Start();
  const auto address = ParseAddress(server->address());
  ASSERT_TRUE(address.ok());
  HttpServer::Options options;
  options.listen = *address;
  const auto second = HttpServer::Start(options, Echo);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(server->address()), absl::string_view::npos)
      << second.status();
}

}  // namespace
}  // namespace dray::monitor
