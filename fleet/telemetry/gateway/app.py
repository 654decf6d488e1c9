def create_application():
    async def application(scope, receive, send):
        raise NotImplementedError

    return application
