// What the package Microsoft.TestPlatform.TestHost has: the process in which tests run, told what to do over a socket.
// Source: "Test platform communication protocol" of the documentation of vstest.
using System;
using Microsoft.VisualStudio.TestPlatform.Common;
using Microsoft.VisualStudio.TestPlatform.Common.Telemetry;
using Microsoft.VisualStudio.TestPlatform.CommunicationUtilities;
using Microsoft.VisualStudio.TestPlatform.CrossPlatEngine;
using Microsoft.VisualStudio.TestPlatform.ObjectModel;
using Microsoft.VisualStudio.TestPlatform.ObjectModel.Host;

static class Host
{
    static void Main(string[] words)
    {
        using (var requests = new TestRequestHandler())
        {
            requests.ConnectionInfo = new TestHostConnectionInfo
            {
                Endpoint = words[Array.IndexOf(words, "--endpoint") + 1],
                Role = ConnectionRole.Client,
                Transport = Transport.Sockets,
            };
            requests.InitializeCommunication();
            var about = new RequestData { MetricsCollection = new NoOpMetricsCollection() };
            if (requests.WaitForRequestSenderConnection(90000))
            {
                requests.ProcessRequests(new TestHostManagerFactory(about));
            }
        }
    }
}
